//! WebAssembly engines behind one small trait.
