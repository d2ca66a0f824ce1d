//! What is measured over time, and whether it grows.

use std::time::Duration;

use crate::stack::Stack;

/// Values by the time in seconds at which they were seen.
#[derive(Default)]
pub struct Series {
    all: Vec<(f64, f64)>,
    /// Seen while nobody asked for anything: what leaks is in them, what comes and goes
    /// with the load is not.
    at_rest: Vec<(f64, f64)>,
}

impl Series {
    /// Without the start, in which caches fill.
    pub fn second_half(&self) -> &[(f64, f64)] {
        &self.all[self.all.len() / 2..]
    }

    /// The same of those at rest.
    pub fn second_half_at_rest(&self) -> &[(f64, f64)] {
        &self.at_rest[self.at_rest.len() / 2..]
    }

    fn see(&mut self, at: Duration, value: f64, rests: bool) {
        let point = (at.as_secs_f64(), value);
        self.all.push(point);
        if rests {
            self.at_rest.push(point);
        }
    }
}

/// Of each Envoy.
pub struct Trend {
    memory: Vec<Series>,
    descriptors: Vec<Series>,
    waiting: Vec<Series>,
}

impl Trend {
    pub fn new(envoys: usize) -> Self {
        let empty = || (0..envoys).map(|_| Series::default()).collect();
        Self {
            memory: empty(),
            descriptors: empty(),
            waiting: empty(),
        }
    }

    /// `rests`: nobody has asked for anything for a while.
    pub fn sample(&mut self, stack: &Stack, at: Duration, rests: bool) {
        for (number, envoy) in stack.envoys.iter().enumerate() {
            let memory = envoy.part.memory().expect("a running Envoy");
            let descriptors = envoy.part.descriptors().expect("a running Envoy");
            let waiting = envoy.stat("wasmcustom.token_relay.requests_waiting");
            self.memory[number].see(at, memory as f64, rests);
            self.descriptors[number].see(at, descriptors as f64, rests);
            self.waiting[number].see(at, waiting as f64, rests);
        }
    }

    /// Each with its name.
    pub fn series(&self) -> impl Iterator<Item = (String, &Series)> {
        let kinds = [
            ("memory (RSS, KiB)", &self.memory),
            ("descriptors", &self.descriptors),
            ("requests that wait", &self.waiting),
        ];
        kinds.into_iter().flat_map(|(what, envoys)| {
            let numbered = (1..).zip(envoys);
            numbered.map(move |(number, series)| (format!("{what}, envoy{number}"), series))
        })
    }
}

/// The slope of the straight line that fits best (least squares), in percent of the
/// mean and per hour. 0 where nothing was ever there.
pub fn percent_per_hour(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (mean_time, mean_value) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = points.iter().map(|p| (p.0 - mean_time).powi(2)).sum();
    let together: f64 = points
        .iter()
        .map(|p| (p.0 - mean_time) * (p.1 - mean_value))
        .sum();
    if spread == 0.0 || mean_value == 0.0 {
        return 0.0;
    }
    together / spread / mean_value * 3600.0 * 100.0
}

#[test]
fn a_slope_is_told_in_percent_per_hour() {
    let line = |slope: f64| -> Vec<_> {
        (0..100)
            .map(|second| {
                (
                    f64::from(second),
                    1000.0 + slope * (f64::from(second) - 49.5),
                )
            })
            .collect()
    };
    assert!(percent_per_hour(&line(0.0)).abs() < 1e-9);
    // 1 % of 1000 within 3600 s.
    assert!((percent_per_hour(&line(10.0 / 3600.0)) - 1.0).abs() < 1e-6);
    assert!((percent_per_hour(&[(0.0, 0.0), (1.0, 0.0)])).abs() < 1e-9);
}
