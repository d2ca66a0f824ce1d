//! The ABI's serialised header maps, written once more and independently of
//! the filter's.

/// Header names and values in order.
pub(crate) type Headers = Vec<(String, Vec<u8>)>;

pub(crate) fn serialize(headers: &Headers) -> Vec<u8> {
    let mut sizes = u32::try_from(headers.len()).unwrap().to_le_bytes().to_vec();
    let mut data = Vec::new();
    for (name, value) in headers {
        for part in [name.as_bytes(), value.as_slice()] {
            sizes.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
            data.extend_from_slice(part);
            data.push(0);
        }
    }
    sizes.extend(data);
    sizes
}

pub(crate) fn deserialize(bytes: &[u8]) -> Headers {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 4 + number(0) * 8;
    let mut next = |size: usize| {
        let part = bytes[at..at + size].to_vec();
        assert_eq!(bytes[at + size], 0, "a NUL stands behind each part");
        at += size + 1;
        part
    };
    (0..number(0))
        .map(|n| {
            let name = next(number(4 + n * 8));
            let value = next(number(8 + n * 8));
            (String::from_utf8(name).unwrap(), value)
        })
        .collect()
}
