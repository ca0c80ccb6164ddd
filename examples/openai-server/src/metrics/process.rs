//! The process itself, under the names that Prometheus' own libraries give it.

use std::{fmt, fs};

use localauth_core::{Clock as _, SystemClock};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

/// What Linux counts time in here, on every architecture that Rust's standard library runs on but Alpha (`USER_HZ`).
const TICKS: f64 = 100.0;
/// What it counts memory in in the file that is read.
const KIB: i64 = 1024;

/// Asks the system about this process.
#[derive(Debug)]
pub(super) struct Process {
    /// In seconds since 1970.
    began: f64,
}

/// What Linux says.
#[derive(Debug, Default)]
struct Usage {
    cpu_seconds: f64,
    resident: i64,
    threads: i64,
    files: i64,
}

impl Process {
    pub(super) fn begin() -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
        let began = SystemClock.now().as_millis() as f64 / 1e3;
        Self { began }
    }
}

/// What `/proc` says, where there is one.
fn usage() -> Option<Usage> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<f64>().ok();
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<i64>().ok()
    };
    let files = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(Usage {
        cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS,
        resident: line("VmRSS:")? * KIB,
        threads: line("Threads:")?,
        files: i64::try_from(files).unwrap_or(i64::MAX),
    })
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        encoder
            .encode_descriptor("localauth_build", "The version of this program", None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        encoder
            .encode_descriptor(
                "process_start_time_seconds",
                "When the process began, in seconds since 1970",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&self.began)?;
        let Some(usage) = usage() else { return Ok(()) };
        encoder
            .encode_descriptor("process_cpu_seconds", "Processor time used", None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&usage.cpu_seconds, None)?;
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Memory in use", usage.resident),
            ("process_threads", "Threads", usage.threads),
            ("process_open_fds", "Open files and connections", usage.files),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        match rlimit::Resource::NOFILE.get_soft() {
            Ok(most) => encoder
                .encode_descriptor("process_max_fds", "The most of those", None, MetricType::Gauge)?
                .encode_gauge(&i64::try_from(most).unwrap_or(i64::MAX)),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_says_how_this_process_is() {
        let usage = usage().unwrap();
        assert!(usage.cpu_seconds >= 0.0 && usage.resident > 1_000_000, "{usage:?}");
        assert!(usage.threads >= 1 && usage.files >= 3, "{usage:?}");
    }
}
