// Call the page's pure modules: what test_page_modules.py asks of them. Arguments: the page's folder, a file of questions.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, questions] = process.argv.slice(2);
const of = (name) => import(pathToFileURL(join(page, name)).href);
const { best, dequantise, Smoother, softmax } = await of("scores.js");
const { percentile, Rate, Recent } = await of("stats.js");
const { constantByName, readModel } = await of("tflite.js");
const { ModelError } = await of("flatbuffer.js");
const { specsOfModel } = await of("tensor.js");
const { factsOfModel } = await of("contract.js");
const { labelsFromArchive } = await of("archive.js");
const { ActivationMap, enlarged, shown } = await of("cam.js");

const floats = (values) => Float32Array.from(values);
const plain = (values) => Array.from(values);
const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64"));

async function refusal(read) {
  try {
    return await read();
  } catch (error) {
    return { error: error instanceof ModelError ? error.message : `NOT EXPLAINED: ${error.stack}` };
  }
}

function read({ file }) {
  const model = readModel(bytesOf(file));
  const tensors = model.tensors.map(({ name, type, shape, quantisation, bytes }) => ({ name, type, shape, quantisation, size: bytes.length }));
  const metadata = Object.fromEntries([...model.metadata].map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]));
  const { inputs, outputs, outputNames, endsInSoftmax } = model;
  return { tensors, metadata, inputs, outputs, outputNames, endsInSoftmax };
}

async function facts({ file, sidecar }) {
  const bytes = bytesOf(file);
  const model = readModel(bytes);
  const specs = specsOfModel(model);
  return { specs, ...(await factsOfModel(model, bytes, specs, sidecar ? bytesOf(sidecar) : null)) };
}

function map({ file, explain, features, index }) {
  const model = readModel(bytesOf(file));
  const maps = new ActivationMap(model, specsOfModel(model), explain);
  const scores = maps.scores(features, index);
  return { scores: plain(scores), shown: plain(shown(scores)), rows: maps.rows, columns: maps.columns };
}

const TASKS = {
  percentile: ({ values, share }) => percentile(values, share),
  best: ({ probabilities, labels, count, threshold }) => best(floats(probabilities), labels, count, threshold),
  softmax: ({ logits }) => plain(softmax(floats(logits))),
  dequantise: ({ codes, scale, zeroPoint }) => plain(dequantise(codes, { scale, zeroPoint })),
  smooth: ({ frames, share }) => {
    const smoother = new Smoother(share);
    return frames.map((frame) => plain(smoother.add(floats(frame))));
  },
  recent: ({ values, size }) => {
    const recent = new Recent(size);
    values.forEach((value) => recent.add(value));
    return recent.summary();
  },
  rate: ({ ticks }) => {
    const rate = new Rate();
    ticks.forEach(([time, count]) => rate.tick(time, count));
    return rate.perSecond();
  },
  read: (question) => refusal(() => read(question)),
  facts: (question) => refusal(() => facts(question)),
  map: (question) => refusal(() => map(question)),
  constant: ({ file, name }) => constantByName(readModel(bytesOf(file)), name)?.bytes.length ?? null,
  labels: ({ file, outputs }) => labelsFromArchive(bytesOf(file), outputs),
  enlarged: ({ values, rows, columns, size }) => plain(enlarged(floats(values), rows, columns, size)),
};

const answers = [];
for (const { task, ...question } of JSON.parse(readFileSync(questions, "utf8"))) {
  const start = performance.now();
  const answer = await TASKS[task](question);
  answers.push({ answer, ms: performance.now() - start });
}
console.log(JSON.stringify(answers));
