//! The host's counters, gauges and histograms. A number that is lost is no reason to
//! fail.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use log::error;

use super::host::{self, MetricKind};
use crate::metrics::{Gauge, Histogram, Metric};
use crate::relay::Verdict;

/// The host's id of each, where it gave one. Defined once per root: the host makes
/// new ids at each definition.
pub(super) struct Meter {
    counters: HashMap<Metric, u32>,
    gauges: HashMap<Gauge, u32>,
    histograms: HashMap<Histogram, u32>,
}

impl Meter {
    pub(super) fn new() -> Self {
        let counters = Metric::all(Verdict::words()).into_iter();
        let gauges = Gauge::ALL.iter().copied();
        let histograms = Histogram::ALL.iter().copied();
        Self {
            counters: define(MetricKind::Counter, counters, Metric::name),
            gauges: define(MetricKind::Gauge, gauges, |gauge| gauge.word().to_owned()),
            histograms: define(MetricKind::Histogram, histograms, |times| {
                times.word().to_owned()
            }),
        }
    }

    /// One more.
    pub(super) fn count(&self, metric: Metric) {
        if let Some(id) = self.counters.get(&metric) {
            let _ = host::increment_metric(*id, 1);
        }
    }

    /// So many more, or fewer.
    pub(super) fn add(&self, gauge: Gauge, difference: i64) {
        if let Some(id) = self.gauges.get(&gauge) {
            let _ = host::increment_metric(*id, difference);
        }
    }

    /// It took so long.
    pub(super) fn record(&self, histogram: Histogram, time: Duration) {
        if let Some(id) = self.histograms.get(&histogram) {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            let _ = host::record_metric(*id, micros);
        }
    }
}

fn define<M: Copy + Eq + Hash>(
    kind: MetricKind,
    all: impl Iterator<Item = M>,
    name: impl Fn(M) -> String,
) -> HashMap<M, u32> {
    let define = |metric| match host::define_metric(kind, &name(metric)) {
        Ok(id) => Some((metric, id)),
        Err(error) => {
            error!("the metric {} is not to be had: {error}", name(metric));
            None
        }
    };
    all.filter_map(define).collect()
}
