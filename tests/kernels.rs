//! What the kernels compute, at every level and on any number of threads. A binary of its own, since `.ci/sanitize` also
//! compiles it for AddressSanitizer, and without the rest.

mod fused;
mod many;
mod threads;
