// What the shim promises, on a module just built: node check.mjs MODULE.wasm RUNTIME
//
// An object of every kind keeps alive what its references name, and that only: not what its data looks like, and not for longer. So do
// the globals and the shadow stack. Every store has its barrier: in a build that stops amid marking, an object is missed otherwise.
import { readFileSync } from "node:fs";

const [path, runtime] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(path), {});
const wasm = instance.exports;
const words = () => new Uint32Array(wasm.memory.buffer);
// The block's header is 20 bytes before the object, and its lowest bit says that it is free. `stub` frees nothing.
const freed = (object) => (words()[(object - 20) / 4] & 1) === 1;
const expect = (holds, what) => {
  if (!holds) throw new Error(`expected ${what}`);
};
const gone = (object, what) => expect(freed(object) === (runtime !== "stub"), `${what} to be ${runtime === "stub" ? "kept" : "freed"}`);

const [FRONT, ODD, BACK] = [0, 1, 2];
const offset = (size, fields, place, index) =>
  place === ODD ? 8 * index + 4 : 4 * (place === BACK ? Math.floor(size / 4) - fields + index : index);

// Stores reference `index` of an object in one of the ways that fit.
function ways(size, fields, place) {
  const ways = { setField: (object, index, value) => wasm.setField(object, offset(size, fields, place, index), value) };
  const own = place === ODD ? "setOdd" : fields > wasm.maxFields.value ? "setElement" : "setFront";
  if (place !== BACK) ways[own] = wasm[own];
  return Object.entries(ways);
}

function check(size, fields, place, set) {
  const what = `size ${size}, ${fields} references, place ${place}`;
  // Pinned until all are there: another object in its place would be no decoy.
  const decoy = wasm.__pin(wasm.allocate(8, 0, FRONT));
  const object = wasm.__pin(wasm.allocate(size, fields, place));
  expect(object % 16 === 0, `${what}: an aligned object`);
  const isReference = new Set();
  for (let index = 0; index < fields; index++) isReference.add(offset(size, fields, place, index));
  for (let at = 0; at + 4 <= size; at += 4) {
    if (isReference.has(at)) expect(words()[(object + at) / 4] === 0, `${what}: null at ${at}`);
    else words()[(object + at) / 4] = decoy;
  }
  const children = [];
  for (let index = 0; index < fields; index++) {
    const child = wasm.allocate(12, 0, FRONT);
    set(object, index, child);
    words()[child / 4 + 2] = index;
    children.push(child);
  }
  wasm.__unpin(decoy);
  wasm.__collect();
  gone(decoy, `${what}: what only data looks like`);
  const alive = (except) => {
    for (let index = 0; index < fields; index++) {
      if (index === except) continue;
      expect(wasm.getField(object, offset(size, fields, place, index)) === children[index], `${what}: child ${index} at its place`);
      expect(!freed(children[index]) && words()[children[index] / 4 + 2] === index, `${what}: child ${index} to be kept`);
    }
  };
  alive();
  if (fields) {
    const last = fields - 1;
    set(object, last, 0);
    wasm.__collect();
    gone(children[last], `${what}: a child that was let go`);
    alive(last);
  }
  wasm.__unpin(object);
  wasm.__collect();
  gone(object, `${what}: an object that was unpinned`);
}

for (let fields = 0; fields <= wasm.maxFields.value; fields++) {
  for (const place of [FRONT, ODD, BACK]) {
    for (const size of [4 * fields, 8 * fields, 8 * fields + 7, 300]) {
      if (place === ODD && size < 8 * fields) continue;
      for (const [, set] of ways(size, fields, place)) check(size, fields, place, set);
    }
  }
}
for (const size of [64, 67, 4000]) for (const [, set] of ways(size, size >> 2, FRONT)) check(size, size >> 2, FRONT, set);

const roots = [];
for (let index = 0; index < 8; index++) {
  const object = wasm.allocate(8, 1, FRONT);
  wasm.setGlobal(index, object);
  roots.push({ object, what: `global ${index}`, drop: () => wasm.setGlobal(index, 0) });
}
if (runtime === "incremental") {
  const bottom = wasm.stackPointer();
  expect(bottom === wasm.heapBase() && wasm.stackLimit() < bottom, "an empty shadow stack below the heap");
  const object = wasm.allocate(8, 1, FRONT);
  wasm.setStackPointer(bottom - 4);
  words()[bottom / 4 - 1] = object;
  roots.push({ object, what: "the shadow stack", drop: () => wasm.setStackPointer(bottom) });
}
wasm.__collect();
for (const { object, what } of roots) expect(!freed(object), `what ${what} names to be kept`);
for (const { object, what, drop } of roots) {
  drop();
  wasm.__collect();
  gone(object, `what ${what} named`);
}

const parents = [];
for (const [size, fields, place] of [[4, 1, FRONT], [8, 1, ODD], [4, 1, BACK], [64, 16, FRONT]]) {
  for (const [name, set] of ways(size, fields, place)) {
    const object = wasm.allocate(size, fields, place);
    wasm.setGlobal(parents.length, object);
    parents.push({ object, set, what: `a store into ${fields} references, place ${place}, by ${name}`, child: 0 });
  }
}
// Marked after the parents, so that a child comes when its parent is marked and the marking not done.
for (let length = 0, first = 0; length < 40; length++) {
  const object = wasm.allocate(4, 1, FRONT);
  wasm.setField(object, 0, first);
  wasm.setGlobal(7, (first = object));
}
for (let round = 0; round < 10000; round++) {
  const parent = parents[round % parents.length];
  if (round % 53 === 0) {
    parent.child = wasm.allocate(12, 0, FRONT);
    parent.set(parent.object, 0, parent.child);
    words()[parent.child / 4 + 2] = round;
    parent.since = round;
  } else {
    wasm.allocate(12, 0, FRONT);
  }
  for (const { child, since, what } of parents) {
    expect(!child || (!freed(child) && words()[child / 4 + 2] === since), `${what} to keep the object`);
  }
}
