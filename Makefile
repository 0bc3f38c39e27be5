# Everything a newcomer or CI needs: `make quickstart`, `make test`. Nothing is installed outside .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install runtimes android-tools android quickstart test lint types unit test-slow demo-weights wheel clean

help:
	@echo "make quickstart    install, then convert and measure the embedded demo network (first use: minutes of download)"
	@echo "make test          lint, types, tests and the quickstart: what CI runs"
	@echo "make runtimes      tflite-runtime, emulated arm64 cores, LiteRT.js and the Android build's parts (user cache, 730 MB)"
	@echo "make android       build the Android demo without a model and check it (Java 17, Maven, Debian's aapt2 and apksigner)"
	@echo "make wheel         the wheel, with LiteRT.js and the Android demo inside"
	@echo "make test-slow     the tests that take minutes"
	@echo "make demo-weights  train the embedded demo weights again (about 45 minutes on two cores)"

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[convert,plots,sweep,camera-headless,web,dev]'
	touch $(STAMP)

install: $(STAMP)

quickstart: $(STAMP)
	$(BIN)/edge-effnet quickstart --force

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# Runtimes with an environment of their own, under the user's cache. Their tests are skipped with a reason where one is missing.
runtimes: $(STAMP)
	-$(BIN)/edge-effnet doctor --install tflite-runtime
	-$(BIN)/edge-effnet doctor --install arm64
	-$(BIN)/edge-effnet doctor --install web
	-android_demo/tools/fetch.sh

android-tools:
	android_demo/tools/fetch.sh

android: android-tools
	android_demo/tools/test_core.sh
	android_demo/tools/build_apk.sh -o edge_effnet/demo/android/base.apk

unit: $(STAMP) runtimes
	$(BIN)/python -m pytest -q -m "not slow"

test: lint types unit quickstart

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow

demo-weights: $(STAMP)
	$(BIN)/python -m edge_effnet.train.demo -o edge_effnet/_demo/b0_shapes10.npz --force

wheel: $(STAMP) android
	$(BIN)/python -m edge_effnet.demo.web.runtime edge_effnet/demo/web/vendor
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis android_demo/build
	rm -rf edge_effnet/demo/web/vendor edge_effnet/demo/android/base.apk
