//! The sections `refresh` and `cache`: when to refresh, how long a request may
//! wait, and how long a record is remembered.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration::written;
use super::reader::Section;
use super::types::{CacheConfig, Preset, RefreshConfig, StoreConfig};

const ZERO: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const TEN_MINUTES: Duration = Duration::from_mins(10);

/// Time-outs: the host counts whole milliseconds and takes 0 for "none".
pub(super) const CALL: RangeInclusive<Duration> = Duration::from_millis(1)..=TEN_MINUTES;

/// A record with its tokens takes a few KiB, twice while a new configuration comes,
/// and a worker's VM has 1 GiB.
pub(super) const MAX_SESSIONS: u32 = 100_000;

/// `preset` is `None` where it could not be read.
pub(super) fn refresh(s: &mut Section<'_>, preset: Option<Preset>) -> Option<RefreshConfig> {
    let default_ahead = match preset {
        Some(Preset::OAuth2) => ZERO,
        _ => Duration::from_mins(1),
    };
    let leeway = s.or("leeway", Duration::from_secs(10), |field| {
        field.duration(ZERO..=TEN_MINUTES)
    });
    let ahead = s.or("ahead", default_ahead, |field| field.duration(ZERO..=DAY));
    let wait = s.or("wait", Duration::from_secs(5), |field| field.duration(CALL));
    let (leeway, ahead, wait) = (leeway?, ahead?, wait?);
    if ahead > ZERO && preset == Some(Preset::OAuth2) {
        return s.refuse(
            "ahead",
            format!("{} beside issuer.preset oauth2", written(ahead)),
            "0s: django-oauth-toolkit ends the old access token as soon as a refresh succeeds, while requests still carry it",
        );
    }
    // Without a preset the default of ahead is a guess.
    if ahead > ZERO && leeway >= ahead && preset.is_some() {
        return s.refuse(
            "leeway",
            format!("{} beside ahead {}", written(leeway), written(ahead)),
            "less than ahead, else a token is not sent any more before its refresh in the background begins; ahead 0s switches that refresh off",
        );
    }
    Some(RefreshConfig {
        leeway,
        ahead,
        wait,
    })
}

pub(super) fn cache(s: &mut Section<'_>) -> Option<CacheConfig> {
    let max_sessions = s.or("max_sessions", 10_000, |field| {
        field.whole_number(MAX_SESSIONS)
    });
    let max_age = s.or("max_age", Duration::from_secs(2), |field| {
        field.duration(ZERO..=HOUR)
    });
    let max_stale = s.or("max_stale", ZERO, |field| field.duration(ZERO..=DAY));
    let (max_sessions, max_age, max_stale) = (max_sessions?, max_age?, max_stale?);
    if max_sessions == 0 && max_stale > ZERO {
        return s.refuse(
            "max_stale",
            format!("{} beside max_sessions 0", written(max_stale)),
            "0s when the cache is off: what is not kept cannot serve later",
        );
    }
    Some(CacheConfig {
        max_sessions: usize::try_from(max_sessions).ok()?,
        max_age,
        max_stale,
    })
}

/// A request is held for `refresh.wait`, store calls included, and each of those is
/// tried twice: a longer time-out of the store never gets to be told.
pub(super) fn store_answers_in_time(
    root: &Section<'_>,
    store: &StoreConfig,
    refresh: &RefreshConfig,
) {
    if 2 * store.timeout >= refresh.wait {
        root.warn(
            "store.timeout",
            &format!(
                "{} is not less than half of refresh.wait {}, and a call is tried twice: a store that does not answer shows as refresh_timeout, not as store_unavailable, and cache.max_stale does not help",
                written(store.timeout),
                written(refresh.wait)
            ),
        );
    }
}
