// The compiler with bugs of the runtime mended that are known, so that a hunt can go on past them: node mend.mjs ASC.JS OUT.JS
//
// The sources of the runtime are strings in the compiler. An edit is made in one file of them, at the one place that its pattern matches;
// if there is none, or more than one, the bug may be mended already, and the edit is to be taken out.
import { readFileSync, writeFileSync } from "node:fs";

const edits = [
  {
    // Pinned between two steps of marking, the object that was marked last takes the marker's place in the list with it, and the next step
    // never meets that list's end.
    bug: "a pin of the object that was marked last",
    file: "ITCMS",
    pattern: /(export function __pin\((?:(?!\n}).)*?)(obj\.unlink\(\);)/gs,
    becomes: "$1if (obj == iter) iter = obj.prev; $2",
  },
];

const [from, to] = process.argv.slice(2);
let compiler = readFileSync(from, "utf8");
for (const { bug, file, pattern, becomes } of edits) {
  const begin = compiler.indexOf(`// === ${file}: `);
  const end = compiler.indexOf("`", begin);
  const source = compiler.slice(begin, end);
  const places = begin < 0 ? 0 : [...source.matchAll(pattern)].length;
  if (places !== 1) {
    console.error(`expected one place in ${file} to mend ${bug}, found ${places}`);
    process.exit(1);
  }
  compiler = compiler.slice(0, begin) + source.replace(pattern, becomes) + compiler.slice(end);
}
writeFileSync(to, compiler);
