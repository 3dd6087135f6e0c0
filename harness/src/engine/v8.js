// V8's side of the engine `v8`. A frame is two little-endian words (bytes of JSON, bytes of data), the JSON and the data; each
// request gets one answer. Memories travel as those of their blocks that are not all zero.
'use strict';
const fs = require('fs');
const BLOCK = 4096, ZEROS = Buffer.alloc(BLOCK);
let modules = [], main = {}, memories = [], globals = [];

function read(bytes) {
  const all = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; ) {
    const more = fs.readSync(0, all, at, bytes - at, null);
    if (more === 0) process.exit(0);
    at += more;
  }
  return all;
}

function send(answer, data = []) {
  const json = Buffer.from(JSON.stringify(answer)), head = Buffer.alloc(8);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(data.reduce((sum, block) => sum + block.length, 0), 4);
  const all = Buffer.concat([head, json, ...data]);
  for (let at = 0; at < all.length; ) at += fs.writeSync(1, all, at);
}

/** Sends an answer with the values of all globals and the contents of both memories. */
function sendState(answer) {
  const data = [];
  answer.globals = globals.map(global => global.value >>> 0);
  answer.memories = memories.map(memory => {
    const all = Buffer.from(memory ? memory.buffer : new ArrayBuffer(0)), blocks = [];
    for (let at = 0; at < all.length; at += BLOCK) {
      const block = all.subarray(at, at + BLOCK);
      if (!block.equals(ZEROS)) { blocks.push(at / BLOCK); data.push(block); }
    }
    return { bytes: all.length, blocks };
  });
  send(answer, data);
}

const thrown = error => ({ name: String(error && error.name), message: String(error && error.message) });

/** Compiles a group; what is wrong with it, if anything. */
function compile(request, data) {
  modules = [];
  let at = 0;
  for (const { name, bytes } of request.modules) {
    try {
      modules.push({ name, module: new WebAssembly.Module(data.subarray(at, at += bytes)) });
    } catch (error) { return { stage: 'compile', failed: modules.length, thrown: thrown(error) }; }
  }
}

/** Instantiates the group; what is wrong with it, if anything. */
function instantiate(request) {
  const exports = {};
  let mutator;
  try {
    for (const { name, module } of modules) {
      main = exports[name] = new WebAssembly.Instance(module, exports).exports;
      if (name === 'mutator') mutator = main.memory;
    }
  } catch (error) { return { stage: 'instantiate', thrown: thrown(error) }; }
  memories = [main.memory, main.mutator || mutator];
  globals = request.globals.map(name => main[name]);
}

function call(name, args) {
  try {
    const results = main[name](...args);
    return { results: results === undefined ? [] : [].concat(results) };
  } catch (error) { return { stage: 'call', thrown: thrown(error) }; }
}

const handlers = {
  compile(request, data) {
    const wrong = compile(request, data);
    send(wrong || { imports: modules.map(({ module }) => WebAssembly.Module.imports(module)) });
  },
  instantiate(request) {
    const wrong = instantiate(request);
    if (wrong) send(wrong); else sendState({});
  },
  run(request, data) {
    const wrong = compile(request, data) || instantiate(request);
    if (wrong) send(wrong); else sendState(call('run', []));
  },
  load(request, data) {
    request.globals.forEach((value, i) => { globals[i].value = value | 0; });
    let at = 0;
    for (const [i, bytes] of request.bytes.entries()) {
      if (bytes === 0) continue;
      const missing = bytes - memories[i].buffer.byteLength;
      try {
        if (missing > 0) memories[i].grow(missing / 65536);
      } catch (error) { return send({ thrown: thrown(error) }); }
      Buffer.from(memories[i].buffer).set(data.subarray(at, at += bytes));
    }
    send({});
  },
  call(request) {
    sendState(call(request.export, request.args));
  },
};

send({ node: process.versions.node, v8: process.versions.v8 });
for (;;) {
  const head = read(8);
  const request = JSON.parse(read(head.readUInt32LE(0)).toString());
  handlers[request.op](request, read(head.readUInt32LE(4)));
}
