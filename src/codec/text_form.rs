//! What the text form of a type depends on.
//!
//! Text is written by one session and read by another, each under settings of its own. Where both could mean something
//! else by it, both are made to use the same settings, for just that moment: here by [`guc::with_portable`], on a shard
//! by what the executor sends along. What depends on nothing, and all that travels in binary, needs none of it.
//!
//! | type | there, while it is written | there, while it is read | here, while it is written | here, while it is read |
//! |---|---|---|---|---|
//! | dates and timestamps | `datestyle` | | `datestyle` | |
//! | interval | `intervalstyle` | | `intervalstyle` | |
//! | floats and what is made of them | `extra_float_digits` | | `extra_float_digits` | |
//! | money | `lc_monetary` | `lc_monetary` | `lc_monetary` | `lc_monetary` |
//! | xml | | `xmloption` | | `xmloption` |
//! | arrays | | `array_nulls` | | `array_nulls` |
//! | `regclass` and its like | | | `search_path` | `search_path` |
//!
//! *Empty* means that what is there is read alike under all settings: a date of ISO style whatever `datestyle` says, and
//! an interval of style `postgres`, in which a sign stands before each field that needs one, under each `intervalstyle`.
//! Money is the number that is stored, in the locale that every server has. A shard's `search_path` is never changed: its
//! functions rely on it. So a name that a shard writes without a schema is one of `pg_catalog` here, or an error.
//!
//! Types of extensions and users can hold anything that isn't rare. Others depend on what their parts depend on.

use crate::pg::elog;
use crate::pg::guc::{self, Settings};
use crate::pg::type_structure::{RowVersion, Structure, structure};
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

/// For errors while names are read.
const HINT: &CStr = c"A name that a server sends without its schema is looked up in \"pg_catalog\" alone.";

/// What the text form of a type depends on.
#[derive(Clone, Debug, Default)]
pub struct TextForm {
    settings: Settings,
    row_types: RowTypes,
}

/// The row types that were looked at to find out.
#[derive(Clone, Debug, Default)]
pub struct RowTypes(Vec<RowVersion>);

impl RowTypes {
    /// Of several types.
    pub fn of<'t>(forms: impl Iterator<Item = &'t TextForm>) -> RowTypes {
        RowTypes(forms.flat_map(|form| form.row_types.0.iter().copied()).collect())
    }

    /// Whether all are still the same. A type comes before those that it contains, so one of them is gone only if an earlier
    /// one has changed.
    pub fn are_current(&self) -> bool {
        self.0.iter().all(RowVersion::is_current)
    }
}

/// As each kind of text is written or read.
const WRITTEN_THERE: Settings = Settings::DATES.and(Settings::INTERVALS).and(Settings::FLOATS).and(Settings::MONEY);
const READ_THERE: Settings = Settings::MONEY.and(Settings::XML).and(Settings::ARRAYS);
const WRITTEN_HERE: Settings = WRITTEN_THERE.and(Settings::NAMES);
const READ_HERE: Settings = READ_THERE.and(Settings::NAMES);

/// What a type of which nothing is known may contain.
const ANYTHING: Settings = Settings::DATES.and(Settings::INTERVALS).and(Settings::FLOATS);

impl TextForm {
    /// Of this type.
    pub fn of(oid: Oid) -> TextForm {
        let mut form = TextForm::default();
        form.add(oid, &mut Vec::new());
        form
    }

    /// Adds what a type depends on. `seen` are the types that needn't be looked at again; so it ends, whatever the catalogs say.
    fn add(&mut self, oid: Oid, seen: &mut Vec<Oid>) {
        if seen.contains(&oid) {
            return;
        }
        seen.push(oid);
        match structure(oid) {
            Structure::BuiltIn => self.depend(of_built_in(oid)),
            Structure::Foreign => self.depend(ANYTHING),
            Structure::Enum | Structure::None => {}
            Structure::Array(element) => {
                self.depend(Settings::ARRAYS);
                self.add(element, seen);
            }
            Structure::Domain(part) | Structure::Range(part) => self.add(part, seen),
            Structure::Row(version, columns) => {
                self.row_types.0.push(version);
                columns.into_iter().for_each(|column| self.add(column, seen));
            }
        }
    }

    fn depend(&mut self, settings: Settings) {
        self.settings = self.settings.and(settings);
    }

    /// Whether it has names of objects in it, which `search_path` says the meaning of.
    pub fn has_names(&self) -> bool {
        !self.settings.among(Settings::NAMES).is_empty()
    }

    /// What a shard needs to write it.
    pub fn written_there(&self) -> Settings {
        self.settings.among(WRITTEN_THERE)
    }

    /// What a shard needs to read this text.
    pub fn read_there(&self, text: &[u8]) -> Settings {
        let needed = self.settings.among(READ_THERE);
        // Whatever else is spelled like this is in quotes, but quotes may be nested.
        let has_null = || text.windows(4).any(|word| word == b"NULL");
        match needed.among(Settings::ARRAYS).is_empty() || has_null() {
            true => needed,
            false => needed.without(Settings::ARRAYS),
        }
    }

    /// What this session needs to write it.
    pub fn written_here(&self) -> Settings {
        self.settings.among(WRITTEN_HERE)
    }

    /// Runs `body`, which reads it.
    pub fn while_reading<T>(&self, body: impl FnOnce() -> T) -> T {
        let reading = || guc::with_portable(self.settings.among(READ_HERE), body);
        if self.has_names() { elog::with_hint_on_names(HINT, reading) } else { reading() }
    }
}

fn of_built_in(oid: Oid) -> Settings {
    match oid {
        pg_sys::DATEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Settings::DATES,
        pg_sys::INTERVALOID => Settings::INTERVALS,
        pg_sys::FLOAT4OID | pg_sys::FLOAT8OID | pg_sys::POINTOID | pg_sys::LSEGOID | pg_sys::LINEOID => {
            Settings::FLOATS
        }
        pg_sys::BOXOID | pg_sys::PATHOID | pg_sys::POLYGONOID | pg_sys::CIRCLEOID => Settings::FLOATS,
        pg_sys::MONEYOID => Settings::MONEY,
        pg_sys::XMLOID => Settings::XML,
        // Roles and schemas are in no schema.
        pg_sys::REGCLASSOID | pg_sys::REGTYPEOID | pg_sys::REGCOLLATIONOID => Settings::NAMES,
        pg_sys::REGPROCOID | pg_sys::REGPROCEDUREOID | pg_sys::REGOPEROID | pg_sys::REGOPERATOROID => Settings::NAMES,
        pg_sys::REGCONFIGOID | pg_sys::REGDICTIONARYOID => Settings::NAMES,
        _ => Settings::NONE,
    }
}
