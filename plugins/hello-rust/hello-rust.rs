// SPDX-License-Identifier: Apache-2.0
//! What the plugin say does, in Rust: answers with its conf's body, or goes on.

mod a6;
mod json;

use core::ffi::c_void;

use a6::{Env, Handle, Plugin, Request, Str};

struct Conf {
    body: Vec<u8>,
}

unsafe extern "C" fn parse_conf(mut env: *mut Handle, text: Str, conf: *mut *mut c_void) -> i32 {
    let mut env = Env::new(&mut env);
    match json::read_body(text.bytes().unwrap_or_default()) {
        Ok(body) => {
            *conf = Box::into_raw(Box::new(Conf { body })) as *mut c_void;
            0
        }
        Err(why) => env.error(&why),
    }
}

unsafe extern "C" fn free_conf(conf: *mut c_void) {
    drop(Box::from_raw(conf as *mut Conf));
}

fn answer(req: &mut Request, body: &[u8]) -> a6::Result<()> {
    if body.is_empty() {
        return Ok(());
    }
    req.answer(200)?;
    req.answer_header("X-Resp-A6-Runner", b"Rust")?;
    req.answer_write(body)
}

unsafe extern "C" fn request_filter(mut req: *mut Handle, conf: *mut c_void) -> i32 {
    let mut req = Request::new(&mut req);
    let conf = &*(conf as *const Conf);
    match answer(&mut req, &conf.body) {
        Ok(()) => a6::OK,
        Err(_) => req.error("the body does not fit an answer"),
    }
}

static PLUGIN: Plugin = Plugin {
    flags: a6::NONBLOCKING,
    parse_conf: Some(parse_conf),
    free_conf: Some(free_conf),
    request_filter: Some(request_filter),
    ..Plugin::new(b"hello-rust\0", b"1.0.0\0", b"say, written in Rust\0")
};

a6_module!(&PLUGIN);
