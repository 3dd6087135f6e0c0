// Kinds whose references are placed by the size of the object; a class of the language has its fields at fixed places. As the collections of
// the standard library, these say themselves what they refer to; the compiler lets only a library do that, so this is one.

import { OBJECT, TOTAL_OVERHEAD } from "rt/common";

function visit(object: usize, fields: usize, cookie: u32): void {
  const end = (object + changetype<OBJECT>(object - TOTAL_OVERHEAD).rtSize) & ~3;
  for (let at = end - 4 * fields; at < end; at += 4) __visit(load<usize>(at), cookie);
}

export class Back1 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 1, cookie); } }
export class Back2 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 2, cookie); } }
export class Back3 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 3, cookie); } }
export class Back4 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 4, cookie); } }
export class Back5 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 5, cookie); } }
export class Back6 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 6, cookie); } }
export class Back7 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 7, cookie); } }
export class Back8 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 8, cookie); } }
export class Back9 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 9, cookie); } }
export class Back10 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 10, cookie); } }
export class Back11 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 11, cookie); } }
export class Back12 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 12, cookie); } }
export class Back13 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 13, cookie); } }
export class Back14 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 14, cookie); } }
export class Back15 { @unsafe private __visit(cookie: u32): void { visit(changetype<usize>(this), 15, cookie); } }

/** Every whole word is a reference, and up to three bytes of data follow. */
export class Words {
  @unsafe private __visit(cookie: u32): void {
    const object = changetype<usize>(this);
    visit(object, changetype<OBJECT>(object - TOTAL_OVERHEAD).rtSize / 4, cookie);
  }
}
