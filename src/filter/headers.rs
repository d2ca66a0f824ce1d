//! The ABI's serialised header maps (proxy-wasm ABI 0.2.1, "Serialization"):
//! the number of pairs, the sizes of all names and values, then all names and
//! values with a NUL behind each; numbers are 32 bits, little-endian.

/// A header map as the host serialised it, read in place. Names and values are
/// bytes: a client may send anything.
#[derive(Debug)]
pub(super) struct HeaderMap {
    bytes: Vec<u8>,
    count: usize,
}

const COUNT: usize = 4;
const SIZES: usize = 8;

impl HeaderMap {
    /// Checks every bound; `None` if the bytes are no header map.
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self { bytes, count: 0 });
        }
        let count = number(&bytes, 0)?;
        // Nothing is allocated by this number, and the walk ends where the
        // bytes do, whatever it says.
        let map = Self { bytes, count };
        (map.iter().count() == count).then_some(map)
    }

    /// Names and values in order, repeated headers repeatedly.
    pub(super) fn iter(&self) -> Iter<'_> {
        Iter {
            bytes: &self.bytes,
            sizes: COUNT,
            data: self
                .count
                .checked_mul(SIZES)
                .and_then(|n| n.checked_add(COUNT)),
            left: self.count,
        }
    }

    /// The first value of a header.
    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// All values of a header, in order.
    pub(super) fn get_all(&self, name: &[u8]) -> Vec<&[u8]> {
        self.iter()
            .filter(|(n, _)| *n == name)
            .map(|(_, value)| value)
            .collect()
    }
}

/// An iterator over a [`HeaderMap`].
#[derive(Clone, Debug)]
pub(super) struct Iter<'a> {
    bytes: &'a [u8],
    sizes: usize,
    data: Option<usize>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name_size = number(self.bytes, self.sizes)?;
        let value_size = number(self.bytes, self.sizes + COUNT)?;
        let name_at = self.data?;
        let name_end = name_at.checked_add(name_size)?;
        let value_at = name_end.checked_add(1)?;
        let value_end = value_at.checked_add(value_size)?;
        let name = self.bytes.get(name_at..name_end)?;
        let value = self.bytes.get(value_at..value_end)?;
        self.sizes += SIZES;
        self.data = value_end.checked_add(1);
        Some((name, value))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

/// Serialises headers for the host; `None` if one of the values is not fit for
/// a header. The host does not look: a line break would begin a header, or the
/// body, of its own.
pub(super) fn serialize(headers: &[(&str, &str)]) -> Option<Vec<u8>> {
    if !headers.iter().all(|(_, value)| is_value(value)) {
        return None;
    }
    let size = headers.iter().fold(COUNT, |n, (name, value)| {
        n + SIZES + name.len() + value.len() + 2
    });
    let mut bytes = Vec::with_capacity(size);
    put_number(&mut bytes, headers.len());
    for (name, value) in headers {
        put_number(&mut bytes, name.len());
        put_number(&mut bytes, value.len());
    }
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    Some(bytes)
}

fn put_number(bytes: &mut Vec<u8>, number: usize) {
    // The headers are the relay's own, far below 4 GiB.
    bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

/// RFC 9110, section 5.5: no control character but the tab.
fn is_value(value: &str) -> bool {
    value
        .bytes()
        .all(|b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(map: &HeaderMap) -> Vec<(&[u8], &[u8])> {
        map.iter().collect()
    }

    #[test]
    fn what_is_serialised_is_read_back_in_order_with_repetitions() {
        let headers = [
            (":method", "GET"),
            ("cookie", "a=1"),
            ("x", ""),
            ("cookie", "b=2"),
        ];
        let map = HeaderMap::parse(serialize(&headers).unwrap()).unwrap();
        let expected: Vec<(&[u8], &[u8])> = headers
            .iter()
            .map(|(n, v)| (n.as_bytes(), v.as_bytes()))
            .collect();
        assert_eq!(pairs(&map), expected);
        assert_eq!(map.get(b"cookie"), Some(b"a=1".as_slice()));
        assert_eq!(map.get_all(b"cookie"), [b"a=1".as_slice(), b"b=2"]);
        assert_eq!(map.get(b"absent"), None);
    }

    #[test]
    fn every_byte_may_stand_in_a_value() {
        for byte in 0..=u8::MAX {
            let bytes = vec![1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, b'x', 0, byte, 0];
            let map = HeaderMap::parse(bytes).unwrap();
            assert_eq!(pairs(&map), [(b"x".as_slice(), [byte].as_slice())]);
        }
    }

    #[test]
    fn no_bytes_are_an_empty_map() {
        assert_eq!(pairs(&HeaderMap::parse(Vec::new()).unwrap()), []);
        assert_eq!(pairs(&HeaderMap::parse(vec![0; 4]).unwrap()), []);
    }

    #[test]
    fn a_map_that_is_cut_anywhere_is_refused() {
        let whole = serialize(&[("a", "1"), ("b", "22")]).unwrap();
        // The last NUL carries nothing, so the map is readable without it.
        for end in 1..whole.len() - 1 {
            assert!(
                HeaderMap::parse(whole[..end].to_vec()).is_none(),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn a_value_that_could_end_its_line_is_not_handed_to_the_host() {
        for control in (0..=0x1f).chain([0x7f]).filter(|b| *b != b'\t') {
            let value = format!("a{}x-injected: 1", char::from(control));
            let headers = [("fine", "1"), ("location", value.as_str())];
            assert_eq!(serialize(&headers), None, "{control:#x}");
        }
        for fine in ["", "no-store", "a\tb", "ä", "/login?callbackUrl=%0D%0A"] {
            assert!(serialize(&[("x", fine)]).is_some(), "{fine}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes: Vec<u8>) {
            if let Some(map) = HeaderMap::parse(bytes.clone()) {
                let read: usize = map.iter().map(|(n, v)| n.len() + v.len()).sum();
                prop_assert!(read <= bytes.len());
            }
        }
    }
}
