//! Settings of a session that values' text forms depend on (`utils/guc.h`).

use pgrx::pg_sys;
use std::ffi::{CStr, c_int};

/// Some of these settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings(u8);

/// Each with the value under which text means the same in every session: dates that can't be misread, intervals whose
/// signs are plain, floats with all their digits, amounts in the one locale that is everywhere, XML of any kind, NULL in
/// arrays, and names with their schemas.
const PORTABLE: [(Settings, &CStr, &CStr); 7] = [
    (Settings::DATES, c"datestyle", c"ISO"),
    (Settings::INTERVALS, c"intervalstyle", c"postgres"),
    (Settings::FLOATS, c"extra_float_digits", c"3"),
    (Settings::MONEY, c"lc_monetary", c"C"),
    (Settings::XML, c"xmloption", c"content"),
    (Settings::ARRAYS, c"array_nulls", c"on"),
    (Settings::NAMES, c"search_path", c"pg_catalog"),
];

impl Settings {
    pub const NONE: Settings = Settings(0);
    pub const DATES: Settings = Settings(1);
    pub const INTERVALS: Settings = Settings(1 << 1);
    pub const FLOATS: Settings = Settings(1 << 2);
    pub const MONEY: Settings = Settings(1 << 3);
    pub const XML: Settings = Settings(1 << 4);
    pub const ARRAYS: Settings = Settings(1 << 5);
    pub const NAMES: Settings = Settings(1 << 6);

    /// These and those.
    pub const fn and(self, others: Settings) -> Settings {
        Settings(self.0 | others.0)
    }

    /// Those of these that are among the others.
    pub const fn among(self, others: Settings) -> Settings {
        Settings(self.0 & others.0)
    }

    /// Those of these that aren't among the others.
    pub const fn without(self, others: Settings) -> Settings {
        Settings(self.0 & !others.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names and portable values.
    pub fn iter(self) -> impl Iterator<Item = (&'static CStr, &'static CStr)> {
        PORTABLE
            .into_iter()
            .filter(move |(setting, ..)| !self.among(*setting).is_empty())
            .map(|(_, name, value)| (name, value))
    }

    /// Those that have another value in this session. To ask for the first three, which every call does, costs nothing.
    fn deviating(self) -> Settings {
        let mut deviating = Settings::NONE;
        // SAFETY: plain globals of the backend, which belong to these settings.
        unsafe {
            let are_iso = pg_sys::DateStyle == pg_sys::USE_ISO_DATES as c_int;
            let are_plain = pg_sys::IntervalStyle == pg_sys::INTSTYLE_POSTGRES as c_int;
            // Everything above 0 gives the shortest digits that are exact.
            let are_exact = pg_sys::extra_float_digits >= 1;
            for (is_so, setting) in [
                (are_iso, Settings::DATES),
                (are_plain, Settings::INTERVALS),
                (are_exact, Settings::FLOATS),
                (pg_sys::Array_nulls, Settings::ARRAYS),
            ] {
                deviating = if is_so { deviating } else { deviating.and(setting) };
            }
        }
        let rare = self.among(Settings::MONEY.and(Settings::XML).and(Settings::NAMES));
        if rare.is_empty() {
            return self.among(deviating);
        }
        for (setting, name, value) in PORTABLE {
            if !rare.among(setting).is_empty() && !is(name, value) {
                deviating = deviating.and(setting);
            }
        }
        self.among(deviating)
    }
}

/// Runs `body` with the portable values of these settings. Costs nothing where they have them.
pub fn with_portable<T>(settings: Settings, body: impl FnOnce() -> T) -> T {
    if settings.is_empty() {
        return body();
    }
    let deviating = settings.deviating();
    if deviating.is_empty() {
        return body();
    }
    // SAFETY: what is set on this level is forgotten at its end, or, after an ERROR, when the (sub)transaction aborts.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in deviating.iter() {
            set_here(name, value);
        }
        let result = body();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}

/// Whether a setting has this value.
fn is(name: &CStr, value: &CStr) -> bool {
    // SAFETY: NUL-terminated text; the result is NULL or NUL-terminated and stays as it is until the next such call.
    unsafe {
        let current = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        !current.is_null() && CStr::from_ptr(current) == value
    }
}

/// # Safety
/// A level has been opened, and the setting is one that everybody may change.
unsafe fn set_here(name: &CStr, value: &CStr) {
    // SAFETY: NUL-terminated text, which is copied; raises an ERROR for a bad value.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}
