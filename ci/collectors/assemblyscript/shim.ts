// What a harness needs around AssemblyScript's runtime: kinds of object, stores with the compiler's write barrier, roots in globals and, in
// `stack.ts`, on the shadow stack. Nothing here collects, marks or frees: that is the runtime's, compiled in by the option `--runtime`.
//
// A kind is a class. The compiler writes a visitor for every class, a switch over the class ids reaches it, and `idof` gives the id. The
// size of an object is told to `__new`, so that a kind fixes only which words are references; what follows them is data:
//
//   Front1..Front15   the first n words are references (fields of the class)
//   Odd1..Odd15       the words 1, 3, 5, ... are references (fields of the class)
//   Back1..Back15     the last n whole words are references (classes of `lib/words.ts`)
//   References        every word is a reference (`StaticArray<Front0 | null>`), any number of them
//   Words             every whole word is a reference, with up to three bytes behind them (`lib/words.ts`)
//   Bytes             no word is a reference (`StaticArray<u8>`), any number of bytes
//
// A reference may name an object of any kind: nothing in the runtime looks at the type of what a field refers to.

class Front0 {}
class Front1 extends Front0 { f0: Front0 | null = null; }
class Front2 extends Front1 { f1: Front0 | null = null; }
class Front3 extends Front2 { f2: Front0 | null = null; }
class Front4 extends Front3 { f3: Front0 | null = null; }
class Front5 extends Front4 { f4: Front0 | null = null; }
class Front6 extends Front5 { f5: Front0 | null = null; }
class Front7 extends Front6 { f6: Front0 | null = null; }
class Front8 extends Front7 { f7: Front0 | null = null; }
class Front9 extends Front8 { f8: Front0 | null = null; }
class Front10 extends Front9 { f9: Front0 | null = null; }
class Front11 extends Front10 { f10: Front0 | null = null; }
class Front12 extends Front11 { f11: Front0 | null = null; }
class Front13 extends Front12 { f12: Front0 | null = null; }
class Front14 extends Front13 { f13: Front0 | null = null; }
class Front15 extends Front14 { f14: Front0 | null = null; }
class Odd0 {}
class Odd1 extends Odd0 { d0: u32; f0: Front0 | null = null; }
class Odd2 extends Odd1 { d1: u32; f1: Front0 | null = null; }
class Odd3 extends Odd2 { d2: u32; f2: Front0 | null = null; }
class Odd4 extends Odd3 { d3: u32; f3: Front0 | null = null; }
class Odd5 extends Odd4 { d4: u32; f4: Front0 | null = null; }
class Odd6 extends Odd5 { d5: u32; f5: Front0 | null = null; }
class Odd7 extends Odd6 { d6: u32; f6: Front0 | null = null; }
class Odd8 extends Odd7 { d7: u32; f7: Front0 | null = null; }
class Odd9 extends Odd8 { d8: u32; f8: Front0 | null = null; }
class Odd10 extends Odd9 { d9: u32; f9: Front0 | null = null; }
class Odd11 extends Odd10 { d10: u32; f10: Front0 | null = null; }
class Odd12 extends Odd11 { d11: u32; f11: Front0 | null = null; }
class Odd13 extends Odd12 { d12: u32; f12: Front0 | null = null; }
class Odd14 extends Odd13 { d13: u32; f13: Front0 | null = null; }
class Odd15 extends Odd14 { d14: u32; f14: Front0 | null = null; }
type References = StaticArray<Front0 | null>;
type Bytes = StaticArray<u8>;

/** Reference fields of the largest class. */
export const maxFields: u32 = 15;
export const idReferences: u32 = idof<References>();
export const idBytes: u32 = idof<Bytes>();
export const idFront0: u32 = idof<Front0>();
export const idFront1: u32 = idof<Front1>();
export const idFront2: u32 = idof<Front2>();
export const idFront3: u32 = idof<Front3>();
export const idFront4: u32 = idof<Front4>();
export const idFront5: u32 = idof<Front5>();
export const idFront6: u32 = idof<Front6>();
export const idFront7: u32 = idof<Front7>();
export const idFront8: u32 = idof<Front8>();
export const idFront9: u32 = idof<Front9>();
export const idFront10: u32 = idof<Front10>();
export const idFront11: u32 = idof<Front11>();
export const idFront12: u32 = idof<Front12>();
export const idFront13: u32 = idof<Front13>();
export const idFront14: u32 = idof<Front14>();
export const idFront15: u32 = idof<Front15>();
export const idOdd1: u32 = idof<Odd1>();
export const idOdd2: u32 = idof<Odd2>();
export const idOdd3: u32 = idof<Odd3>();
export const idOdd4: u32 = idof<Odd4>();
export const idOdd5: u32 = idof<Odd5>();
export const idOdd6: u32 = idof<Odd6>();
export const idOdd7: u32 = idof<Odd7>();
export const idOdd8: u32 = idof<Odd8>();
export const idOdd9: u32 = idof<Odd9>();
export const idOdd10: u32 = idof<Odd10>();
export const idOdd11: u32 = idof<Odd11>();
export const idOdd12: u32 = idof<Odd12>();
export const idOdd13: u32 = idof<Odd13>();
export const idOdd14: u32 = idof<Odd14>();
export const idOdd15: u32 = idof<Odd15>();
export const idBack1: u32 = idof<Back1>();
export const idBack2: u32 = idof<Back2>();
export const idBack3: u32 = idof<Back3>();
export const idBack4: u32 = idof<Back4>();
export const idBack5: u32 = idof<Back5>();
export const idBack6: u32 = idof<Back6>();
export const idBack7: u32 = idof<Back7>();
export const idBack8: u32 = idof<Back8>();
export const idBack9: u32 = idof<Back9>();
export const idBack10: u32 = idof<Back10>();
export const idBack11: u32 = idof<Back11>();
export const idBack12: u32 = idof<Back12>();
export const idBack13: u32 = idof<Back13>();
export const idBack14: u32 = idof<Back14>();
export const idBack15: u32 = idof<Back15>();
export const idWords: u32 = idof<Words>();

/** Words `0..fields` are references. */
const FRONT: u32 = 0;
/** Words `1, 3, 5, ...` are references. */
const ODD: u32 = 1;
/** The last `fields` whole words are references. */
const BACK: u32 = 2;

/** The id of the kind of an object of `size` bytes with this many references, placed as `FRONT`, `ODD` or `BACK` says. Aborts if no kind is like that. */
export function idOf(size: u32, fields: u32, place: u32): u32 {
  if (!fields) return idBytes;
  if (place == FRONT) {
    assert(fields <= size / 4);
    switch (fields) {
      case 1: return idFront1;
      case 2: return idFront2;
      case 3: return idFront3;
      case 4: return idFront4;
      case 5: return idFront5;
      case 6: return idFront6;
      case 7: return idFront7;
      case 8: return idFront8;
      case 9: return idFront9;
      case 10: return idFront10;
      case 11: return idFront11;
      case 12: return idFront12;
      case 13: return idFront13;
      case 14: return idFront14;
      case 15: return idFront15;
    }
    assert(size / 4 == fields);
    return size % 4 ? idWords : idReferences;
  }
  if (place == BACK) {
    assert(fields <= size / 4);
    switch (fields) {
      case 1: return idBack1;
      case 2: return idBack2;
      case 3: return idBack3;
      case 4: return idBack4;
      case 5: return idBack5;
      case 6: return idBack6;
      case 7: return idBack7;
      case 8: return idBack8;
      case 9: return idBack9;
      case 10: return idBack10;
      case 11: return idBack11;
      case 12: return idBack12;
      case 13: return idBack13;
      case 14: return idBack14;
      case 15: return idBack15;
    }
    assert(false);
  }
  assert(place == ODD && fields <= size / 8);
  switch (fields) {
    case 1: return idOdd1;
    case 2: return idOdd2;
    case 3: return idOdd3;
    case 4: return idOdd4;
    case 5: return idOdd5;
    case 6: return idOdd6;
    case 7: return idOdd7;
    case 8: return idOdd8;
    case 9: return idOdd9;
    case 10: return idOdd10;
    case 11: return idOdd11;
    case 12: return idOdd12;
    case 13: return idOdd13;
    case 14: return idOdd14;
    case 15: return idOdd15;
  }
  assert(false);
  return 0;
}

/** The byte offset of a reference in an object of `size` bytes whose references are placed so. */
// @ts-ignore: decorator
@inline function offset(size: u32, fields: u32, place: u32, index: u32): usize {
  if (place == ODD) return 8 * index + 4;
  return 4 * (place == BACK ? size / 4 - fields + index : index);
}

/**
 * A new object of `size` bytes, its references null. Only the references are written: `minimal` and `stub` leave in every other byte what
 * was there, and `incremental` has already zeroed them all.
 */
export function allocate(size: u32, fields: u32, place: u32): usize {
  const object = __new(size, idOf(size, fields, place));
  for (let index: u32 = 0; index < fields; index++) store<usize>(object + offset(size, fields, place, index), 0);
  return object;
}

/** `new` of a class, as a compiled program has it: `Front0` to `Front15` without data. */
export function newFront(fields: u32): usize {
  switch (fields) {
    case 0: return changetype<usize>(new Front0());
    case 1: return changetype<usize>(new Front1());
    case 2: return changetype<usize>(new Front2());
    case 3: return changetype<usize>(new Front3());
    case 4: return changetype<usize>(new Front4());
    case 5: return changetype<usize>(new Front5());
    case 6: return changetype<usize>(new Front6());
    case 7: return changetype<usize>(new Front7());
    case 8: return changetype<usize>(new Front8());
    case 9: return changetype<usize>(new Front9());
    case 10: return changetype<usize>(new Front10());
    case 11: return changetype<usize>(new Front11());
    case 12: return changetype<usize>(new Front12());
    case 13: return changetype<usize>(new Front13());
    case 14: return changetype<usize>(new Front14());
    case 15: return changetype<usize>(new Front15());
  }
  assert(false);
  return 0;
}

/** `new StaticArray<Front0 | null>(length)`. */
export function newReferences(length: i32): usize {
  return changetype<usize>(new StaticArray<Front0 | null>(length));
}

/** `new StaticArray<u8>(length)`, zeroed. */
export function newBytes(length: i32): usize {
  return changetype<usize>(new StaticArray<u8>(length));
}

/** Field `index` of an object of a kind `Front` becomes `value`, an object or null: an assignment to a field, with its barrier. */
export function setFront(object: usize, index: u32, value: usize): void {
  const reference = changetype<Front0 | null>(value);
  switch (index) {
    case 0: changetype<Front1>(object).f0 = reference; return;
    case 1: changetype<Front2>(object).f1 = reference; return;
    case 2: changetype<Front3>(object).f2 = reference; return;
    case 3: changetype<Front4>(object).f3 = reference; return;
    case 4: changetype<Front5>(object).f4 = reference; return;
    case 5: changetype<Front6>(object).f5 = reference; return;
    case 6: changetype<Front7>(object).f6 = reference; return;
    case 7: changetype<Front8>(object).f7 = reference; return;
    case 8: changetype<Front9>(object).f8 = reference; return;
    case 9: changetype<Front10>(object).f9 = reference; return;
    case 10: changetype<Front11>(object).f10 = reference; return;
    case 11: changetype<Front12>(object).f11 = reference; return;
    case 12: changetype<Front13>(object).f12 = reference; return;
    case 13: changetype<Front14>(object).f13 = reference; return;
    case 14: changetype<Front15>(object).f14 = reference; return;
  }
  assert(false);
}

/** Field `index` of an object of a kind `Odd` becomes `value`, an object or null: an assignment to a field, with its barrier. */
export function setOdd(object: usize, index: u32, value: usize): void {
  const reference = changetype<Front0 | null>(value);
  switch (index) {
    case 0: changetype<Odd1>(object).f0 = reference; return;
    case 1: changetype<Odd2>(object).f1 = reference; return;
    case 2: changetype<Odd3>(object).f2 = reference; return;
    case 3: changetype<Odd4>(object).f3 = reference; return;
    case 4: changetype<Odd5>(object).f4 = reference; return;
    case 5: changetype<Odd6>(object).f5 = reference; return;
    case 6: changetype<Odd7>(object).f6 = reference; return;
    case 7: changetype<Odd8>(object).f7 = reference; return;
    case 8: changetype<Odd9>(object).f8 = reference; return;
    case 9: changetype<Odd10>(object).f9 = reference; return;
    case 10: changetype<Odd11>(object).f10 = reference; return;
    case 11: changetype<Odd12>(object).f11 = reference; return;
    case 12: changetype<Odd13>(object).f12 = reference; return;
    case 13: changetype<Odd14>(object).f13 = reference; return;
    case 14: changetype<Odd15>(object).f14 = reference; return;
  }
  assert(false);
}

/** Element `index` of `References` becomes `value`, an object or null: an assignment to an element, with its bounds check and its barrier. */
export function setElement(object: usize, index: i32, value: usize): void {
  changetype<References>(object)[index] = changetype<Front0 | null>(value);
}

/** The reference `offset` bytes into an object of any kind becomes `value`, an object or null: what an assignment to a field compiles to. */
export function setField(object: usize, offset: usize, value: usize): void {
  store<usize>(object + offset, value);
  __link(object, value, false);
}

/** What `offset` bytes into an object is. No barrier: the collector has none on loads. */
export function getField(object: usize, offset: usize): usize {
  return load<usize>(object + offset);
}

let root0: Front0 | null = null;
let root1: Front0 | null = null;
let root2: Front0 | null = null;
let root3: Front0 | null = null;
let root4: Front0 | null = null;
let root5: Front0 | null = null;
let root6: Front0 | null = null;
let root7: Front0 | null = null;

/** Global `index`, of 8, becomes `value`, an object or null. An assignment to a global has no barrier: globals are looked at once more at the end. */
export function setGlobal(index: u32, value: usize): void {
  const reference = changetype<Front0 | null>(value);
  switch (index) {
    case 0: root0 = reference; return;
    case 1: root1 = reference; return;
    case 2: root2 = reference; return;
    case 3: root3 = reference; return;
    case 4: root4 = reference; return;
    case 5: root5 = reference; return;
    case 6: root6 = reference; return;
    case 7: root7 = reference; return;
  }
  assert(false);
}

/** What global `index`, of 8, is. */
export function getGlobal(index: u32): usize {
  switch (index) {
    case 0: return changetype<usize>(root0);
    case 1: return changetype<usize>(root1);
    case 2: return changetype<usize>(root2);
    case 3: return changetype<usize>(root3);
    case 4: return changetype<usize>(root4);
    case 5: return changetype<usize>(root5);
    case 6: return changetype<usize>(root6);
    case 7: return changetype<usize>(root7);
  }
  assert(false);
  return 0;
}

/** Where the heap begins: the shadow stack, if there is one, ends here. */
export function heapBase(): usize {
  return __heap_base;
}
