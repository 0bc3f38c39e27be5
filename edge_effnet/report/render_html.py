"""report.html: one page that needs nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report import views
from edge_effnet.report.charts import fronts, letter, pareto, roofline
from edge_effnet.report.formats import (
    ABSENT,
    FORMATS,
    between,
    figure,
    fixed,
    microseconds,
    millions,
    signed,
)
from edge_effnet.report.values import number

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render_html", "template"]

_PLOTS: Final = 4
"""Conditions that get a plot of their own; all have a table in report.csv."""

_COLOURS: Final = 10
_SPLIT: Final = (
    ("gates", "Gates"),
    ("models", "Models"),
    ("pareto", "Latency and accuracy"),
    ("size", "Size"),
    ("latency", "Latency by target"),
    ("profile", "Where the time goes"),
    ("audit", "Integer audit"),
    ("error", "Quantisation error"),
    ("mistakes", "Mistakes"),
    ("contract", "Contract"),
    ("making", "Making"),
    ("machines", "Machines"),
    ("sources", "Sources"),
)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("edge_effnet.report", "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= FORMATS
    environment.globals |= {"change": _change, "letter": letter, "ratio_words": views.ratio_words}
    environment.globals |= {"signed": signed, "fixed": fixed, "figure": figure}
    return environment


def template(name: str, **values: Any) -> str:
    """Fill in a template of this package; everything is escaped."""
    return _environment().get_template(name).render(**values)


def _change(drop: dict[str, Any]) -> str:
    """Return a drop as a change, below zero for a loss."""
    if drop["drop_top1"] is None:
        return ABSENT
    ci95 = None if drop["ci95"] is None else [-drop["ci95"][1], -drop["ci95"][0]]
    return f"{signed(-drop['drop_top1'])} {between(ci95, signed)}".rstrip()


def render_html(document: dict[str, Any]) -> str:
    """Return the page of a report.

    Args:
        document: Of `report_document`.
    """
    values: dict[str, Any] = {
        "cards": views.cards(document),
        "gate_lines": sorted(
            ((gate, line) for gate in document["gates"] for line in gate["lines"]),
            key=lambda pair: pair[1]["passed"],
        ),
        "fronts": [
            group | {"drawing": pareto(group, f"pareto-{index}")}
            for index, group in enumerate(fronts(document)[:_PLOTS])
        ],
        "sizes": views.sizes(document),
        **views.latency_groups(document),
        "profiles": [_profile_view(profile, index) for index, profile in enumerate(document["profiles"])],
        "audits": [model for model in document["models"] if model["audit"]],
        "verified": [_verification_view(found) for found in document["verifications"]],
        "evaluations": [views.evaluation_view(found) for found in document["evaluations"]],
        "contracts": views.contracts(document),
        "hosts": views.hosts(document),
        "sources": views.source_rows(document),
    }
    candidates = sum(model["role"] == "candidate" for model in document["models"])
    shown = {
        "gates": document["gates"], "models": True, "pareto": values["fronts"], "size": values["sizes"],
        "latency": document["latency"], "profile": values["profiles"], "audit": values["audits"], "error": values["verified"],
        "mistakes": values["evaluations"], "contract": values["contracts"]["models"], "making": document["ladders"] or document["trainings"], "machines": values["hosts"],
        "sources": True,
    }  # fmt: skip
    nav = [(identifier, name) for identifier, name in _SPLIT if shown[identifier]]
    more = max(0, candidates - len(values["cards"]))
    return template("report.html", title=document["title"], doc=document, nav=nav, more_cards=more, **values)


def _profile_view(profile: dict[str, Any], index: int) -> dict[str, Any]:
    """Return a profile with colours by kind and widths by time."""
    colours = {kind["name"]: min(place, _COLOURS - 1) for place, kind in enumerate(profile["kinds"])}
    longest = max((block["cost"] for block in profile["blocks"]), default=0.0) or 1.0
    blocks = [
        block
        | {
            "parts": [
                {"name": kind["name"], "width": f"{100.0 * kind['cost'] / longest:.2f}"}
                for kind in block["kinds"]
            ],
            "by_kind": {kind["name"]: kind["cost"] for kind in block["kinds"]},
        }
        for block in profile["blocks"]
    ]
    said = "; ".join(f"{block['name']} {figure(block['percent'], 2)} %" for block in blocks)
    timed = profile["unit"] == "us"
    return {
        "profile": profile,
        "what": "Time" if timed else "Instructions",
        "write": microseconds if timed else millions,
        "colours": colours,
        "blocks": blocks,
        "said": said,
        "roofline": roofline(profile, f"roofline-{index}"),
    }


def _verification_view(verification: dict[str, Any]) -> dict[str, Any]:
    """Return a verification with its blocks joined and its sensitivity as bars."""
    alone = {row["name"]: row for row in verification["sensitivity"]}
    whole = {row["name"]: row for row in verification["blocks"]}
    names = [*alone, *(name for name in whole if name not in alone)]
    blocks = [
        {
            "name": name,
            "alone_db": number(alone.get(name, {}), "sqnr_db"),
            "alone_agreement": number(alone.get(name, {}), "top1_agreement"),
            "rank": number(alone.get(name, {}), "rank"),
            "sqnr_db": number(whole.get(name, {}), "sqnr_db"),
            "own_sqnr_db": number(whole.get(name, {}), "own_sqnr_db"),
            "worst_layer": whole.get(name, {}).get("worst_layer"),
        }
        for name in names
    ]
    noise = {
        name: 100.0 * 10.0 ** (-db / 10.0)
        for name, row in alone.items()
        if (db := number(row, "sqnr_db")) is not None
    }
    most = max(noise.values(), default=0.0) or 1.0
    bars = [
        {
            "label": name,
            "percent": 100.0 * share / most,
            "value": f"{figure(share, 2)} % · {alone[name]['sqnr_db']:.1f} dB",
            "said": f"{name} {figure(share, 2)} %",
            "quiet": (number(alone[name], "rank") or 0) > 3,
        }
        for name, share in noise.items()
    ]
    n = next((row["n"] for row in alone.values()), None)
    return {"verification": verification, "blocks": blocks, "sensitivity": bars, "sensitivity_n": n}
