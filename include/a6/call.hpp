/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of <a6/plugin.hpp>: what on_request and on_response are given. Included by
 * plugin.hpp.
 */
#ifndef A6_CALL_HPP
#define A6_CALL_HPP

#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <a6/plugin.h>

namespace a6
{

/* ---- strings and errors ---- */

inline a6_str str(std::string_view text)
{
    return a6_str_make(text.data() ? text.data() : "", text.size());
}

inline std::string_view view(a6_str text)
{
    return text.data ? std::string_view(text.data, text.len) : std::string_view();
}

inline std::optional<std::string_view> optional_view(a6_str text)
{
    return text.data ? std::optional<std::string_view>(view(text)) : std::nullopt;
}

/* code() is the negative errno value that the function gave. */
class error : public std::runtime_error
{
  public:
    error(const std::string &what, int code)
        : std::runtime_error(what + ": " + std::strerror(-code)), code_(code)
    {
    }
    int code() const noexcept
    {
        return code_;
    }

  private:
    int code_;
};

/* Thrown by a constructor that has told the reason with a6_env_error already. */
class refused : public std::exception
{
  public:
    const char *what() const noexcept override
    {
        return "refused";
    }
};

inline void check(int result, const char *what)
{
    if (result < 0)
        throw error(what, result);
}

struct pair {
    std::string_view name;
    std::optional<std::string_view> value;
};

/* ---- calls ---- */

/* The right to finish a suspended call. Destroyed without resume, it fails the call. */
class pending
{
  public:
    explicit pending(a6_pending *from) noexcept : pending_(from)
    {
    }
    pending(pending &&other) noexcept : pending_(std::exchange(other.pending_, nullptr))
    {
    }
    pending &operator=(pending &&other) noexcept
    {
        std::swap(pending_, other.pending_);
        return *this;
    }
    pending(const pending &) = delete;
    pending &operator=(const pending &) = delete;
    ~pending()
    {
        (void)resume(A6_ERROR);
    }
    /* False: too late. */
    bool resume(a6_result result) noexcept
    {
        a6_pending *held = std::exchange(pending_, nullptr);

        return held && a6_resume(held, result) == 0;
    }

  private:
    a6_pending *pending_;
};

/* What both phases have. */
class call
{
  public:
    explicit call(a6_call *from) noexcept : call_(from)
    {
    }
    std::uint32_t id() const
    {
        return a6_call_id(call_);
    }
    /* What the plugin's init left in *state. */
    void *state() const
    {
        return a6_state(call_);
    }
    std::int64_t time_left() const
    {
        return a6_time_left(call_);
    }
    void log(a6_level level, const std::string &text) const
    {
        a6_log(call_, level, "%s", text.c_str());
    }
    std::optional<std::string_view> var(std::string_view name)
    {
        a6_str value;

        check(a6_var(call_, str(name), &value), "var");
        return optional_view(value);
    }
    std::optional<std::string_view> request_body()
    {
        a6_str body;

        check(a6_request_body(call_, &body), "request_body");
        return optional_view(body);
    }
    void set(std::string_view key, void *value)
    {
        check(a6_set(call_, str(key), value), "set");
    }
    void *get(std::string_view key) const
    {
        return a6_get(call_, str(key));
    }
    /* Zeroed memory that lives as long as the call; nobody runs destructors in it. */
    void *alloc(std::size_t size)
    {
        void *memory = a6_alloc(call_, size);

        if (!memory)
            throw std::bad_alloc();
        return memory;
    }
    /* Then return A6_PENDING. */
    pending suspend()
    {
        a6_pending *right = a6_suspend(call_);

        if (!right)
            throw error("suspend", -EALREADY);
        return pending(right);
    }
    /* `return req.delay(20);` */
    a6_result delay(std::uint32_t ms)
    {
        return a6_delay(call_, ms);
    }

  private:
    a6_call *call_;
};

class request : public call
{
  public:
    explicit request(a6_request *from) noexcept : call(&from->call), request_(from)
    {
    }
    std::string_view source() const
    {
        return view(a6_request_source(request_));
    }
    std::string_view source_text()
    {
        return view(a6_request_source_text(request_));
    }
    a6_method method() const
    {
        return a6_request_method(request_);
    }
    std::string_view path() const
    {
        return view(a6_request_path(request_));
    }

    std::size_t arg_count() const
    {
        return a6_request_arg_count(request_);
    }
    pair arg_at(std::size_t index) const
    {
        a6_pair found;

        check(a6_request_arg_at(request_, index, &found), "arg_at");
        return {view(found.name), optional_view(found.value)};
    }
    bool has_arg(const std::string &name) const
    {
        a6_str value;

        return a6_request_arg(request_, name.c_str(), &value) == 1;
    }
    /* The first value; none for an arg that is not there or has none. */
    std::optional<std::string_view> arg(const std::string &name) const
    {
        a6_str value;

        (void)a6_request_arg(request_, name.c_str(), &value);
        return optional_view(value);
    }

    std::size_t header_count() const
    {
        return a6_request_header_count(request_);
    }
    pair header_at(std::size_t index) const
    {
        a6_pair found;

        check(a6_request_header_at(request_, index, &found), "header_at");
        return {view(found.name), optional_view(found.value)};
    }
    std::optional<std::string_view> header(const std::string &name) const
    {
        return optional_view(a6_request_header(request_, name.c_str()));
    }

    void set_path(std::string_view path)
    {
        check(a6_request_set_path(request_, str(path)), "set_path");
    }
    void set_arg(std::string_view name, std::string_view value)
    {
        check(a6_request_set_arg(request_, str(name), str(value)), "set_arg");
    }
    void add_arg(std::string_view name, std::string_view value)
    {
        check(a6_request_add_arg(request_, str(name), str(value)), "add_arg");
    }
    void delete_arg(std::string_view name)
    {
        check(a6_request_delete_arg(request_, str(name)), "delete_arg");
    }
    void set_header(std::string_view name, std::string_view value)
    {
        check(a6_request_set_header(request_, str(name), str(value)), "set_header");
    }
    void add_header(std::string_view name, std::string_view value)
    {
        check(a6_request_add_header(request_, str(name), str(value)), "add_header");
    }
    void delete_header(std::string_view name)
    {
        check(a6_request_delete_header(request_, str(name)), "delete_header");
    }
    void set_body(std::string_view body)
    {
        check(a6_request_set_body(request_, str(body)), "set_body");
    }
    void add_response_header(std::string_view name, std::string_view value)
    {
        check(a6_request_add_response_header(request_, str(name), str(value)),
              "add_response_header");
    }

    /* req.answer(200).header("X", "y").write("text"); */
    class answering
    {
      public:
        explicit answering(a6_request *from) noexcept : request_(from)
        {
        }
        answering &header(std::string_view name, std::string_view value)
        {
            check(a6_answer_header(request_, str(name), str(value)), "answer header");
            return *this;
        }
        answering &write(std::string_view data)
        {
            check(a6_answer_write(request_, str(data)), "answer write");
            return *this;
        }

      private:
        a6_request *request_;
    };
    answering answer(unsigned status)
    {
        check(a6_answer(request_, status), "answer");
        return answering(request_);
    }
    a6_request *raw() const noexcept
    {
        return request_;
    }

  private:
    a6_request *request_;
};

class response : public call
{
  public:
    explicit response(a6_response *from) noexcept : call(&from->call), response_(from)
    {
    }
    unsigned status() const
    {
        return a6_response_status(response_);
    }
    std::size_t header_count() const
    {
        return a6_response_header_count(response_);
    }
    pair header_at(std::size_t index) const
    {
        a6_pair found;

        check(a6_response_header_at(response_, index, &found), "header_at");
        return {view(found.name), optional_view(found.value)};
    }
    std::optional<std::string_view> header(const std::string &name) const
    {
        return optional_view(a6_response_header(response_, name.c_str()));
    }
    std::string_view body()
    {
        a6_str body;

        check(a6_response_body(response_, &body), "body");
        return view(body);
    }
    void set_status(unsigned status)
    {
        check(a6_response_set_status(response_, status), "set_status");
    }
    void set_header(std::string_view name, std::string_view value)
    {
        check(a6_response_set_header(response_, str(name), str(value)), "set_header");
    }
    void add_header(std::string_view name, std::string_view value)
    {
        check(a6_response_add_header(response_, str(name), str(value)), "add_header");
    }
    void delete_header(std::string_view name)
    {
        check(a6_response_delete_header(response_, str(name)), "delete_header");
    }
    void set_body(std::string_view body)
    {
        check(a6_response_set_body(response_, str(body)), "set_body");
    }
    a6_response *raw() const noexcept
    {
        return response_;
    }

  private:
    a6_response *response_;
};

} // namespace a6

#endif
