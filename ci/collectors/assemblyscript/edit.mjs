// The compiler with edits of the runtime: node edit.mjs ASC.JS OUT.JS WORD...
//
// `mended` mends the bugs that are known, so that a hunt can go on past them; every other word plants one, for a mutant that must be found.
// The sources of the runtime are strings in the compiler. An edit is made in one file of them, at the one place that its pattern matches;
// if there is none, or more than one, the runtime has changed: a bug may be mended already, and its edit is to be taken out.
import { readFileSync, writeFileSync } from "node:fs";

const edits = [
  {
    word: "mended",
    // Pinned between two steps of marking, the object that was marked last takes the marker's place in the list with it, and the next step
    // never meets that list's end.
    what: "a pin of the object that was marked last",
    file: "ITCMS",
    pattern: /(export function __pin\((?:(?!\n}).)*?)(obj\.unlink\(\);)/gs,
    becomes: "$1if (obj == iter) iter = obj.prev; $2",
  },
  {
    // A new object that is stored in one that was marked already is not marked itself.
    word: "barrierless",
    what: "the write barrier",
    file: "ITCMS",
    pattern: /(export function __link\((?:(?!\n}).)*?)if \(!childPtr\) return;/gs,
    becomes: "$1return;",
  },
];

const [from, to, ...words] = process.argv.slice(2);
let compiler = readFileSync(from, "utf8");
for (const { what, file, pattern, becomes } of edits.filter(({ word }) => words.includes(word))) {
  const begin = compiler.indexOf(`// === ${file}: `);
  const end = compiler.indexOf("`", begin);
  const source = compiler.slice(begin, end);
  const places = begin < 0 ? 0 : [...source.matchAll(pattern)].length;
  if (places !== 1) {
    console.error(`expected one place in ${file} to edit (${what}), found ${places}`);
    process.exit(1);
  }
  compiler = compiler.slice(0, begin) + source.replace(pattern, becomes) + compiler.slice(end);
}
writeFileSync(to, compiler);
