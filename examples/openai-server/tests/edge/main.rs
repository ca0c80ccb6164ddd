//! What surrounds every answer: headers, metrics, and the line in the log.

mod answers;
mod lines;
mod measured;
mod world;
