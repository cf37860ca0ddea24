//! Values from the wire: what is accepted is encoded to what was there, and no number in it is believed unchecked.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pure::codec::fixed::{Fixed, Layout, exactly};
use pure::codec::values::{Array, MAX_DIMENSIONS, put_array, put_null, put_value};

const FIXED: [(Fixed, usize); 10] = [
    (Fixed::Bool, 1),
    (Fixed::Int2, 2),
    (Fixed::Int4, 4),
    (Fixed::Int8, 8),
    (Fixed::Oid, 4),
    (Fixed::Float4, 4),
    (Fixed::Float8, 8),
    (Fixed::Date, 4),
    (Fixed::Time, 8),
    (Fixed::Timestamp, 8),
];

fuzz_target!(|bytes: &[u8]| {
    fixed(bytes);
    layouts(bytes);
    // The type that the array says is the expected one, and then one that it isn't.
    let element_type = bytes.get(8..12).map_or(23, |oid| u32::from_be_bytes(oid.try_into().expect("four bytes")));
    array(bytes, element_type);
    assert!(Array::decode(bytes, element_type.wrapping_add(1)).is_err());
});

fn fixed(bytes: &[u8]) {
    for (fixed, width) in FIXED {
        match fixed.decode(bytes) {
            Ok(word) => {
                assert_eq!(bytes.len(), width);
                let mut out = Vec::new();
                fixed.encode(word, &mut out);
                match fixed {
                    Fixed::Bool => assert_eq!(out, [u8::from(bytes[0] != 0)]),
                    _ => assert_eq!(out, bytes),
                }
                assert_eq!(fixed.decode(&out), Ok(word));
            }
            Err(refusal) => {
                let may_be_out_of_range = matches!(fixed, Fixed::Date | Fixed::Time | Fixed::Timestamp);
                assert!(bytes.len() != width || may_be_out_of_range, "{fixed:?}: {refusal}");
            }
        }
    }
}

fn layouts(bytes: &[u8]) {
    assert_eq!(Layout::Any.check(bytes), Ok(()));
    assert_eq!(Layout::Width(12).check(bytes).is_ok(), exactly::<12>(bytes).is_ok());
    let interval = |has_infinity| Layout::Interval { has_infinity }.check(bytes).is_ok();
    assert_eq!(interval(true), bytes.len() == 16);
    assert!(interval(true) || !interval(false));
}

fn array(bytes: &[u8], element_type: u32) {
    let Ok(array) = Array::decode(bytes, element_type) else { return };
    let (lengths, lower_bounds) = (array.lengths, array.lower_bounds);
    assert!(lengths.len() <= MAX_DIMENSIONS && lengths.len() == lower_bounds.len());
    assert!(lengths.iter().all(|&length| length > 0));
    assert!(lengths.iter().zip(&lower_bounds).all(|(length, lower_bound)| lower_bound.checked_add(*length).is_some()));
    let count = if lengths.is_empty() { 0 } else { lengths.iter().map(|&length| length as usize).product() };
    assert_eq!(array.elements.count_left(), count);
    assert!(count <= bytes.len() / 4);

    let mut elements = array.elements;
    let mut read = Vec::new();
    for element in elements.by_ref() {
        match element {
            Ok(element) => read.push(element),
            Err(_) => {
                assert!(elements.next().is_none());
                return;
            }
        }
    }
    assert_eq!(read.len(), count);

    let mut out = Vec::new();
    let write = |element: &[u8], out: &mut Vec<u8>| out.extend_from_slice(element);
    put_array(element_type, &lengths, &lower_bounds, read.iter().copied(), write, &mut out);
    // Two things can be said in several ways: that there are NULLs, and that there is nothing.
    let mut canonical = bytes.to_vec();
    canonical[7] = read.contains(&None).into();
    if count == 0 {
        canonical.truncate(12);
        canonical[..4].fill(0);
    }
    assert_eq!(out, canonical);

    let mut values = Vec::new();
    for element in read {
        match element {
            Some(element) => put_value(&mut values, |out| write(element, out)),
            None => put_null(&mut values),
        }
    }
    assert!(out.ends_with(&values));
}
