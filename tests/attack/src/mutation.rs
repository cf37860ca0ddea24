//! Bytes that are nearly right.

use crate::dice::Dice;

/// Numbers at which something tends to end.
const LIMITS: [u32; 12] =
    [0, 1, 2, 7, 0x7f, 0xff, 0xffff, 0x0100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/// Changes some bytes; now and then none.
pub fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        mutate_once(bytes, dice);
    }
}

fn mutate_once(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        bytes.extend((0..dice.below(9)).map(|_| dice.number() as u8));
        return;
    }
    let place = dice.below(bytes.len());
    match dice.below(9) {
        0 => bytes[place] ^= 1 << dice.below(8),
        1 => bytes[place] = dice.number() as u8,
        2 => bytes[place] = *dice.choose(&[0, 1, 0x7f, 0x80, 0xff]),
        3 => bytes.truncate(place),
        4 => drop(bytes.remove(place)),
        5 => bytes.insert(place, dice.number() as u8),
        6 => {
            let end = place + dice.below(bytes.len() - place + 1).min(8);
            let piece = bytes[place..end].to_vec();
            bytes.extend(piece);
        }
        // A length, a count, a type, a day, …
        7 => overwrite(bytes, place & !3, &dice.choose(&LIMITS).to_be_bytes()),
        _ => overwrite(bytes, place & !1, &(*dice.choose(&LIMITS) as u16).to_be_bytes()),
    }
}

fn overwrite(bytes: &mut [u8], place: usize, with: &[u8]) {
    for (byte, new) in bytes[place..].iter_mut().zip(with) {
        *byte = *new;
    }
}
