//! The guard, as clients and upstreams see it: over real connections, in front of stand-ins that keep every byte they got.

mod away;
mod differential;
mod engine;
mod faults;
mod headers;
mod models;
mod responses;
mod sockets;
mod tls;
mod world;
