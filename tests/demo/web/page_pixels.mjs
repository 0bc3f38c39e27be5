// Resize frames by the page's own module: what test_page_pixels.py asks of it. Arguments: the page's folder, a folder of cases.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, folder] = process.argv.slice(2);
const { Resizer, seenSquare } = await import(pathToFileURL(join(page, "resize.js")).href);
const cases = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
const squares = [];
for (const { name, width, height, preprocessing } of cases) {
  const rgb = readFileSync(join(folder, `${name}.rgb`));
  const resizer = new Resizer(preprocessing);
  const { left, top, width: wide, height: high } = resizer.region(width, height);
  const data = new Uint8ClampedArray(wide * high * 4).fill(255);
  for (let y = 0; y < high; y += 1) {
    for (let x = 0; x < wide; x += 1) {
      for (let c = 0; c < 3; c += 1) data[(y * wide + x) * 4 + c] = rgb[((y + top) * width + x + left) * 3 + c];
    }
  }
  const part = { data, width: wide, height: high };
  writeFileSync(join(folder, `${name}.out`), resizer.pixels(part, width, height));
  const times = Array.from({ length: preprocessing.resolution_px >= 200 ? 30 : 1 }, () => {
    const start = performance.now();
    resizer.pixels(part, width, height);
    return performance.now() - start;
  });
  squares.push({ name, ...seenSquare(preprocessing, width, height), ms: Math.min(...times) });
}
console.log(JSON.stringify(squares));
