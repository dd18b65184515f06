//! Changes to inputs that are nearly right, which go deeper than noise.

use crate::crash::chance::Chance;

/// No input is longer.
const BYTES_MAX: usize = 20_000;

/// What parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"",
    b"\0",
    b"\n",
    b"\n\n",
    b"\r\n",
    b" ",
    b"\t",
    b"=",
    b":",
    b",",
    b".",
    b"..",
    b"/",
    b"//",
    b"/../",
    b"%",
    b"%2e%2e",
    b"%2F",
    b"%00",
    b"\\",
    b";",
    b"*",
    b"/*",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"{}",
    b"[[[[[[[[",
    b"null",
    b"true",
    b"-1",
    b"-0",
    b"0",
    b"00",
    b"1e309",
    b"1.5",
    b"255",
    b"256",
    b"65535",
    b"4294967296",
    b"9007199254740993",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999999",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    "\u{202e}".as_bytes(),
    "\u{2066}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{1f600}".as_bytes(),
    b"==",
    b"-_",
    b"+/",
    b"L402 ",
    b"LSAT ",
    b"lsat",
    b"paid",
    b"method=",
    b"path=/",
    b"services=api:0",
    b"api_valid_until=",
    b"\xde\x00\x10",
    b"\xc0",
    b"\xc4\x00",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\x80",
    b"\x7f",
    b"\x00\x00\x00\x00",
];

/// Changes one input after another, always in the same order.
pub(super) struct Mutator {
    chance: Chance,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    pub(super) fn new(chance: Chance, seeds: Vec<Vec<u8>>) -> Self {
        Self { chance, seeds }
    }

    /// A seed with some changes; mostly few, for one wrong byte is the likeliest to be overlooked.
    pub(super) fn change(&mut self) -> Vec<u8> {
        let mut input = self.seed();
        let many = if self.chance.one_in(4) { 8 } else { 2 };
        for _ in 0..=self.chance.below(many) {
            self.change_once(&mut input);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        self.seeds[at].clone()
    }

    fn change_once(&mut self, input: &mut Vec<u8>) {
        let from = self.below(input.len() + 1);
        let to = self.below(input.len() + 1);
        let (from, to) = (from.min(to), from.max(to));
        match self.chance.below(9) {
            0 => drop(input.drain(from..to)),
            1 => self.touch(input, from, |byte, by| byte ^ (1 << (by % 8))),
            2 => self.touch(input, from, |_, by| by),
            3 => self.touch(input, from, |byte, _| byte.wrapping_add(1)),
            4 => self.touch(input, from, |byte, _| byte ^ 0x20),
            5 => repeat(input, from, to, 1 + self.below(4)),
            6 | 7 => {
                let word = WORDS[self.below(WORDS.len())];
                let to = if self.chance.one_in(2) { from } else { to.min(from + word.len()) };
                input.splice(from..to, word.iter().copied());
            }
            _ => {
                let other = self.seed();
                let start = self.below(other.len() + 1);
                let length = self.below(other.len() - start + 1);
                input.splice(from..to, other[start..start + length].iter().copied());
            }
        }
    }

    fn touch(&mut self, input: &mut [u8], at: usize, change: fn(u8, u8) -> u8) {
        let by = u8::try_from(self.below(256)).unwrap();
        if let Some(byte) = input.get_mut(at) {
            *byte = change(*byte, by);
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.below(u64::try_from(bound).unwrap())).unwrap()
    }
}

fn repeat(input: &mut Vec<u8>, from: usize, to: usize, times: usize) {
    let part = input[from..to].repeat(times);
    if input.len() + part.len() <= BYTES_MAX {
        input.splice(to..to, part);
    }
}
