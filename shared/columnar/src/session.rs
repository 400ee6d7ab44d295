//! The session in which text of every type reads back as the same value.

/// Statements to run before an export and before a restore, so that both sides write and read text alike.
/// `''` for `lc_monetary` would ask the server's environment; `C` is everywhere the same.
/// <https://www.postgresql.org/docs/15/runtime-config-client.html>
pub const SESSION: &str = "\
set client_encoding = 'UTF8';
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set extra_float_digits = 3;
set bytea_output = 'hex';
set lc_monetary = 'C';
set xmloption = 'content';
set quote_all_identifiers = off;
";
