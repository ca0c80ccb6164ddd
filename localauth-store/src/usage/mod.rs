//! Usage: [written](record) in batches together with its roll-ups, and [read](report) from those alone.

mod batch;
mod label;
mod record;
mod report;
