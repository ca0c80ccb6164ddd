//! How many events a second a store takes, in batches of 10,000 that are all fresh, roll-ups and names included.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::time::Instant;

use localauth_benches::usage::{BATCH, MONTH, Place, batch, events, median};
use localauth_core::UsageSink as _;

#[tokio::main]
async fn main() {
    let of = events();
    println!("| database | events | median of batches | slowest tenth of the run | in all |");
    println!("|---|---|---|---|---|");
    for place in Place::all().await {
        let store = place.connect().await;
        let (mut each, mut total) = (Vec::new(), 0.0);
        // Fewer of them are the beginning of the month, as dense as all.
        for n in 0..of.div_ceil(BATCH) {
            // Made before the clock runs.
            let batch = batch(n, MONTH);
            let begun = Instant::now();
            store.record_usage(&batch).await.unwrap();
            let taken = begun.elapsed().as_secs_f64();
            total += taken;
            each.push(f64::from(u32::try_from(batch.len()).unwrap()) / taken);
        }
        let tenths = each.chunks(each.len().div_ceil(10));
        let slowest = tenths.map(|part| median(part.to_vec())).fold(f64::INFINITY, f64::min);
        println!(
            "| {} | {of} | {:.0} a second | {slowest:.0} a second | {:.0} a second |",
            place.name,
            median(each),
            f64::from(u32::try_from(of).unwrap()) / total,
        );
        store.close().await;
        place.delete().await;
    }
}
