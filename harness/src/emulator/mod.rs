//! What one release does, bugs included, on a raw byte image.
