//! Makes messages of any type: now likely, now absurd, the same for the same seed.

use prost::Message as _;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// How deep messages lie within each other.
const DEPTH: usize = 4;

/// Names of what there is, what there could be, and what can't be.
const TEXTS: &[&str] = &[
    "ann",
    "bob",
    "cyd",
    "acme",
    "ann",
    "bob",
    "acme",
    "@acme/crew",
    "acme/trees",
    "ann/stones",
    "acme/trees",
    "crew",
    "newcomer",
    "acme/news",
    "@acme/fresh",
    "trees",
    "default",
    "view_project",
    "view_project",
    "delete_files",
    "read_members",
    "read_public_profile",
    "username",
    "active",
    "plan",
    "role",
    "public",
    "name",
    "expires_at",
    "*",
    "6c8a4b2e-93a1-4f6e-8f0d-0a5b8f3f2c1b",
    "00000000-0000-0000-0000-000000000000",
    "",
    "",
    "",
    "a",
    "\0",
    "ann\0",
    "Ann",
    "ANN/STONES",
    "mi\u{e1}",
    "mia\u{301}",
    "\u{202e}",
    "ann/stones/more",
    "//",
    "@",
    "@acme",
    "../ann",
    "'; DROP TABLE account; --",
    "%",
    "_",
    "admin",
    "aaaa",
    "AAAA",
    "pZtsncX1SWkAAAAAAAAAIN4lsaA",
];

pub struct Generator {
    state: u64,
    tokens: Vec<String>,
}

impl Generator {
    /// Makes messages with these tokens in them, now and then.
    pub fn new(seed: u64, tokens: Vec<String>) -> Self {
        Self { state: seed | 1, tokens }
    }

    /// A message as a person reads it, and as it is sent.
    pub fn request(&mut self, descriptor: &MessageDescriptor) -> (String, Vec<u8>) {
        let message = self.message(descriptor, DEPTH);
        (format!("{message:?}").chars().take(2_000).collect(), message.encode_to_vec())
    }

    /// Bytes that something happened to.
    pub fn spoil(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(3) {
            let place = self.below(bytes.len() + 1);
            match self.below(4) {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, self.next() as u8),
                2 if place < bytes.len() => bytes[place] ^= 1 << self.below(8),
                _ if place < bytes.len() => drop(bytes.remove(place)),
                _ => bytes.push(0xff),
            }
        }
        bytes
    }

    fn message(&mut self, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            let is_deep = matches!(field.kind(), Kind::Message(_)) && depth == 0;
            // writes that only try, or have an actor, are asked for less than those that write
            let odds = match field.name() {
                "validate_only" | "wait_for_replicas" => 1,
                "actor" => 2,
                _ => 7,
            };
            if !is_deep && self.below(10) < odds {
                let value = self.value(&field, depth);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        if field.is_map() {
            return Value::Map(std::collections::HashMap::new());
        }
        if field.cardinality() == Cardinality::Repeated {
            let count = [0, 1, 1, 2, 3, 3, 40, 1_001][self.below(8)];
            let count = if depth < DEPTH { count.min(3) } else { count };
            return Value::List((0..count).map(|_| self.single(field, depth)).collect());
        }
        self.single(field, depth)
    }

    fn single(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        const NUMBERS: &[i64] = &[0, 1, 2, 5, 50, 1_000, 1_001, -1, -2, i32::MAX as i64, i32::MIN as i64, i64::MAX];
        let number = NUMBERS[self.below(NUMBERS.len())];
        match field.kind() {
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Bool => Value::Bool(self.below(2) == 0),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number as u64),
            Kind::Float => Value::F32(number as f32),
            Kind::Double => Value::F64(number as f64),
            Kind::Enum(_) => Value::EnumNumber([0, 1, 1, 2, 2, 3, 4, 5, 6, 99, -1][self.below(11)]),
            Kind::Message(message) => Value::Message(self.message(&message, depth - 1)),
        }
    }

    fn text(&mut self) -> String {
        match self.below(20) {
            0 if !self.tokens.is_empty() => {
                let which = self.below(self.tokens.len());
                self.tokens[which].clone()
            }
            1 => "x".repeat(self.below(2_000)),
            2 => (0..self.below(12)).filter_map(|_| char::from_u32(self.below(0x11_0000) as u32)).collect(),
            3 => format!("user{}", self.below(50)),
            _ => TEXTS[self.below(TEXTS.len())].to_owned(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A step of xorshift.
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}
