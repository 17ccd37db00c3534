// SPDX-License-Identifier: Apache-2.0
//! Uses every function of a6.rs; what does not fit panics, which ends the process.
//! Its second plugin reads what the first has left for it.

mod a6;

use core::ffi::c_void;

use a6::{Call, Cell, Env, Handle, Level, Plugin, Request, Response, Str};

struct Conf {
    text: Vec<u8>,
    calls: Cell,
}

static STATE: u8 = 7;

unsafe extern "C" fn init(mut env: *mut Handle, state: *mut *mut c_void) -> i32 {
    Env::new(&mut env).log(Level::Info, "init in Rust");
    *state = &STATE as *const u8 as *mut c_void;
    0
}

unsafe extern "C" fn parse_conf(mut env: *mut Handle, text: Str, conf: *mut *mut c_void) -> i32 {
    let mut env = Env::new(&mut env);
    let text = text.bytes().unwrap().to_vec();
    if text == b"bad" {
        return env.error("it is bad");
    }
    assert!(env.need_var("").is_err());
    env.need_var("tenant").unwrap();
    env.need(a6::NEED_REQUEST_BODY).unwrap();
    let calls = env.cell("calls").unwrap();
    *conf = Box::into_raw(Box::new(Conf { text, calls })) as *mut c_void;
    0
}

unsafe extern "C" fn free_conf(conf: *mut c_void) {
    drop(Box::from_raw(conf as *mut Conf));
}

fn look_at_both(call: &Call) {
    assert!(call.time_left() > 0);
    assert_eq!(call.id(), 0);
    assert_eq!(call.state(), &STATE as *const u8 as *mut c_void);
    assert_eq!(call.var("tenant").unwrap(), Some(&b"acme"[..]));
    assert_eq!(call.var("nothing").unwrap(), None);
    assert_eq!(call.request_body().unwrap(), Some(&b"body"[..]));
    call.log(Level::Info, "looked at it");
}

fn count(calls: &Cell) {
    assert_eq!(calls.add(2, 5), 5);
    assert!(!calls.swap(2, 4, 0) && calls.swap(2, 5, 6));
    assert_eq!(calls.get(2), 6);
    assert_eq!(calls.take(0.001, 0.0), 0);
    assert_eq!(calls.take(0.001, 0.0), -1);
}

#[derive(Clone, Copy)]
struct Grant {
    level: u64,
    groups: [u8; 3],
}

#[derive(Clone, Copy)]
#[repr(align(32))]
struct Wide;

fn keep(call: &Call) {
    let first = call.alloc(5).unwrap();
    let second = call.alloc(100).unwrap();
    assert_eq!((&first[..], second.len()), (&[0; 5][..], 100));
    first.fill(1);
    second.fill(2);
    assert!(first.iter().all(|byte| *byte == 1) && call.alloc(0).unwrap().is_empty());
    assert!(call.alloc(usize::MAX).is_none() && call.alloc(1 << 30).is_none());

    assert!(unsafe { call.get::<u8>("grant") }.is_none());
    call.set("grant", 9u8).unwrap();
    assert_eq!(unsafe { call.get("grant") }, Some(&9u8));
    call.set("grant", Grant { level: 1 << 40, groups: *b"abc" }).unwrap();
    call.set_text("user", &String::from("kim").into_bytes()).unwrap();
    call.set_text("empty", b"").unwrap();
    assert_eq!(unsafe { call.get_text("empty") }, Some(&b""[..]));
    assert_eq!(call.set("wide", Wide).unwrap_err().0, -22);
    assert_eq!(call.set("large", [0u8; 2 << 20]).unwrap_err().0, -12);
    assert_eq!(call.set_text("large", &[b'a'; 2 << 20]).unwrap_err().0, -12);
    assert!(unsafe { call.get_text("large") }.is_none());
}

unsafe extern "C" fn read_what_was_left(mut req: *mut Handle, _: *mut c_void) -> i32 {
    let mut req = Request::new(&mut req);
    let grant = req.get::<Grant>("grant").unwrap();
    assert_eq!((grant.level, &grant.groups), (1 << 40, b"abc"));
    let user = req.get_text("user").unwrap();
    req.set_header("x-user", user).unwrap();
    a6::OK
}

/// A thread of ours has the call now, and drops it when it has no result for it.
fn hand_over(req: Request, result: Option<i32>) -> i32 {
    match req.suspend() {
        Ok(mut pending) => {
            std::thread::spawn(move || {
                let mut req = pending.call();
                assert_eq!(req.path(), b"/p");
                req.set_header("x-later", b"done").unwrap();
                assert!(req.suspend().is_err());
                if let Some(result) = result {
                    pending.resume(result).unwrap();
                }
            });
            a6::PENDING
        }
        Err(req) => req.error("the call cannot wait"),
    }
}

fn change(req: &mut Request) -> a6::Result<()> {
    req.set_path(b"/q")?;
    req.set_arg("a", b"2")?;
    req.add_arg("a", b"3")?;
    req.delete_arg("b")?;
    req.set_header("x-set", b"1")?;
    req.add_header("x-set", b"2")?;
    req.delete_header("x-h")?;
    req.set_body(b"new")?;
    req.add_response_header("x-r", b"s")
}

unsafe extern "C" fn request_filter(mut req: *mut Handle, conf: *mut c_void) -> i32 {
    let mut req = Request::new(&mut req);
    let conf = &*(conf as *const Conf);
    look_at_both(&req);
    assert_eq!((req.method(), req.path()), (2, &b"/p"[..]));
    assert_eq!(req.source(), Some(&[127, 0, 0, 1][..]));
    assert_eq!(req.source_text(), b"127.0.0.1");
    assert_eq!((req.arg_count(), req.arg_at(2)), (2, None));
    assert_eq!(req.arg_at(1), Some((&b"b"[..], None)));
    assert_eq!(req.header("X-H"), Some(&b"v"[..]));
    assert_eq!(req.header("none"), None);
    assert!(req.header_at(req.header_count()).is_none() && req.header_at(0).is_some());
    match &conf.text[..] {
        b"fail" => req.error("it fails"),
        b"delay" => req.delay(30),
        b"later" => hand_over(req, Some(a6::OK)),
        b"later fail" => hand_over(req, Some(a6::ERROR)),
        b"later forget" => hand_over(req, None),
        b"answer" => {
            req.answer(201).unwrap();
            req.answer_header("x-a", b"b").unwrap();
            req.answer_write(b"one ").unwrap();
            req.answer_write(b"two").unwrap();
            a6::OK
        }
        _ => {
            count(&conf.calls);
            keep(&req);
            change(&mut req).unwrap();
            a6::OK
        }
    }
}

unsafe extern "C" fn response_filter(mut res: *mut Handle, conf: *mut c_void) -> i32 {
    let mut res = Response::new(&mut res);
    if (*(conf as *const Conf)).text == b"early" {
        let mut pending = res.suspend().ok().unwrap();
        pending.call().set_status(202).unwrap();
        pending.resume(a6::OK).unwrap(); // before the filter returns
        return a6::PENDING;
    }
    assert_eq!((res.status(), res.header_count()), (200, 2));
    assert_eq!(res.header("x-h"), Some(&b"v"[..]));
    assert_eq!(res.header_at(1), Some((&b"X-I"[..], Some(&b"w"[..]))));
    assert_eq!(res.body().unwrap(), b"upstream");
    res.set_status(404).unwrap();
    res.set_header("x-set", b"1").unwrap();
    res.add_header("x-set", b"2").unwrap();
    res.delete_header("X-H").unwrap();
    res.set_body(b"new").unwrap();
    a6::OK
}

static PLUGIN: Plugin = Plugin {
    flags: a6::NONBLOCKING,
    init: Some(init),
    parse_conf: Some(parse_conf),
    free_conf: Some(free_conf),
    request_filter: Some(request_filter),
    response_filter: Some(response_filter),
    ..Plugin::new(b"everything\0", b"1.0.0\0", b"uses everything\0")
};

static SECOND: Plugin = Plugin {
    request_filter: Some(read_what_was_left),
    ..Plugin::new(b"second\0", b"1.0.0\0", b"is there too\0")
};

a6_module!(&PLUGIN, &SECOND);
