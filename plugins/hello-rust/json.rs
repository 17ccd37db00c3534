// SPDX-License-Identifier: Apache-2.0
//! Reads {"body": "..."} with jansson, as the plugins in C do.

use core::ffi::c_void;

#[repr(C)]
struct JsonError {
    line: i32,
    column: i32,
    position: i32,
    source: [u8; 80],
    text: [u8; 160],
}

const STRICT: usize = 1 << 1; // json_unpack_ex: no other keys
const REJECT_DUPLICATES: usize = 1;

#[link(name = "jansson")]
extern "C" {
    fn json_loadb(data: *const u8, len: usize, flags: usize, error: *mut JsonError) -> *mut c_void;
    fn json_unpack_ex(json: *mut c_void, error: *mut JsonError, flags: usize, format: *const u8, ...) -> i32;
    fn json_delete(json: *mut c_void);
}

impl JsonError {
    fn text(&self) -> String {
        let len = self.text.iter().position(|c| *c == 0).unwrap_or(self.text.len());
        String::from_utf8_lossy(&self.text[..len]).into_owned()
    }
}

/// The body, empty when there is none; or what is wrong.
pub fn read_body(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut error = JsonError { line: 0, column: 0, position: 0, source: [0; 80], text: [0; 160] };
    let mut body: *const u8 = core::ptr::null();
    let mut len: usize = 0;

    unsafe {
        let root = json_loadb(text.as_ptr(), text.len(), REJECT_DUPLICATES, &mut error);
        if root.is_null() {
            return Err(format!(
                "the conf is not JSON: line {}, column {}: {}",
                error.line,
                error.column,
                error.text()
            ));
        }
        let format = b"{s?s%}\0".as_ptr();
        let key = b"body\0".as_ptr();
        let failed = json_unpack_ex(root, &mut error, STRICT, format, key, &mut body, &mut len);
        let result = if failed != 0 {
            Err(format!("\"body\" is the only key, and a string: {}", error.text()))
        } else if body.is_null() {
            Ok(Vec::new())
        } else {
            Ok(core::slice::from_raw_parts(body, len).to_vec())
        };
        json_delete(root); // nobody else holds it
        result
    }
}
