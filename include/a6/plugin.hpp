/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin interface for C++17: <a6/plugin.h> with objects, std::string_view, and
 * exceptions that become errors. Nothing but the C ABI is beneath, so a plugin's
 * standard library and compiler need not be the runner's.
 *
 *     #include <a6/plugin.hpp>
 *
 *     class greet {
 *     public:
 *         greet(a6::env &, std::string_view conf) : name(conf) {}
 *
 *         void on_request(a6::request &req)
 *         {
 *             req.answer(200).header("X-Greeting", "C++").write("hello " + name);
 *         }
 *
 *     private:
 *         std::string name;
 *     };
 *
 *     A6_PLUGIN(greet, "greet", "1.0.0", "greets whom its conf names")
 *
 * The class stands for one conf: its constructor is parse_conf and refuses by throwing,
 * its destructor is free_conf. It has on_request, on_response or both, which are called
 * by several threads at once, so that they are best const. They return nothing, or an
 * a6_result.
 *
 * What a function of <a6/plugin.h> refuses is thrown as a6::error; any exception that
 * leaves a filter is logged with its what(), and the call gets SERVICE_UNAVAILABLE. None
 * passes into the runner. Everything else, who owns what and for how long, is as
 * <a6/plugin.h> says: a string_view is valid until the filter has ended. In a
 * string_view that is absent, data() is nullptr; std::optional tells where that matters.
 */
#ifndef A6_PLUGIN_HPP
#define A6_PLUGIN_HPP

#include <a6/call.hpp>

namespace a6
{

/* ---- shared numbers ---- */

class cell
{
  public:
    explicit cell(a6_cell *from = nullptr) noexcept : cell_(from)
    {
    }
    std::int64_t add(unsigned slot, std::int64_t delta) const
    {
        return a6_cell_add(cell_, slot, delta);
    }
    std::int64_t get(unsigned slot) const
    {
        return a6_cell_get(cell_, slot);
    }
    bool swap(unsigned slot, std::int64_t expected, std::int64_t desired) const
    {
        return a6_cell_swap(cell_, slot, expected, desired) == 1;
    }
    std::int64_t take(double rate, double burst) const
    {
        return a6_cell_take(cell_, rate, burst);
    }

  private:
    a6_cell *cell_;
};

/* ---- setting up ---- */

class env
{
  public:
    explicit env(a6_env *from) noexcept : env_(from)
    {
    }
    void log(a6_level level, const std::string &text) const
    {
        a6_env_log(env_, level, "%s", text.c_str());
    }
    void need_var(std::string_view name)
    {
        check(a6_env_need_var(env_, str(name)), "need_var");
    }
    void need(std::uint32_t bodies)
    {
        check(a6_env_need(env_, bodies), "need");
    }
    cell open_cell(std::string_view name)
    {
        a6_cell *opened = nullptr;

        check(a6_env_cell(env_, str(name), &opened), "open_cell");
        return cell(opened);
    }
    /* What the plugin's init left in *state. */
    void *state() const
    {
        return a6_env_state(env_);
    }
    a6_env *raw() const noexcept
    {
        return env_;
    }

  private:
    a6_env *env_;
};

/* ---- from the class to the C description ---- */

namespace detail
{

template <class T, class = void> struct has_on_request : std::false_type {
};
template <class T>
struct has_on_request<
    T, std::void_t<decltype(std::declval<T &>().on_request(std::declval<request &>()))>>
    : std::true_type {
};
template <class T, class = void> struct has_on_response : std::false_type {
};
template <class T>
struct has_on_response<
    T, std::void_t<decltype(std::declval<T &>().on_response(std::declval<response &>()))>>
    : std::true_type {
};

/* Calls the filter; an exception becomes an error of the call. */
template <class Filter> a6_result guard(a6_call *call, Filter filter) noexcept
{
    try {
        if constexpr (std::is_void_v<decltype(filter())>) {
            filter();
            return A6_OK;
        } else {
            return filter();
        }
    } catch (const std::exception &thrown) {
        return a6_error(call, "%s", thrown.what());
    } catch (...) {
        return a6_error(call, "something was thrown that is no std::exception");
    }
}

template <class T> int parse_conf(a6_env *from, a6_str text, void **conf) noexcept
{
    try {
        env wrapped(from);

        *conf = new T(wrapped, view(text));
        return 0;
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (const refused &) {
        return -EINVAL;
    } catch (const error &thrown) {
        (void)a6_env_error(from, "%s", thrown.what());
        return thrown.code() == -ENOMEM ? -ENOMEM : -EINVAL;
    } catch (const std::exception &thrown) {
        return a6_env_error(from, "%s", thrown.what());
    } catch (...) {
        return a6_env_error(from, "something was thrown that is no std::exception");
    }
}

template <class T> void free_conf(void *conf) noexcept
{
    delete static_cast<T *>(conf);
}

template <class T> a6_result request_filter(a6_request *from, void *conf) noexcept
{
    return guard(&from->call, [&] {
        request wrapped(from);
        return static_cast<T *>(conf)->on_request(wrapped);
    });
}

template <class T> a6_result response_filter(a6_response *from, void *conf) noexcept
{
    return guard(&from->call, [&] {
        response wrapped(from);
        return static_cast<T *>(conf)->on_response(wrapped);
    });
}

} // namespace detail

/* What A6_PLUGIN does not set (need_vars, deadline_ms, init and so on) can be set before
 * it is registered:
 *
 *     static a6_plugin make()
 *     {
 *         a6_plugin plugin = a6::describe<greet>("greet", "1.0.0", "greets");
 *
 *         plugin.deadline_ms = 500;
 *         return plugin;
 *     }
 *     static const a6_plugin plugin = make();
 *     A6_REGISTER(plugin)
 */
template <class T>
constexpr a6_plugin describe(const char *name, const char *version, const char *summary,
                             std::uint32_t flags = 0)
{
    static_assert(detail::has_on_request<T>::value || detail::has_on_response<T>::value,
                  "the class needs on_request(a6::request &) or on_response(a6::response &)");
    a6_plugin plugin{};

    plugin.abi_major = A6_ABI_MAJOR;
    plugin.abi_minor = A6_ABI_MINOR;
    plugin.size = sizeof(a6_plugin);
    plugin.name = name;
    plugin.version = version;
    plugin.summary = summary;
    plugin.flags = flags;
    plugin.parse_conf = detail::parse_conf<T>;
    plugin.free_conf = detail::free_conf<T>;
    if constexpr (detail::has_on_request<T>::value)
        plugin.request_filter = detail::request_filter<T>;
    if constexpr (detail::has_on_response<T>::value)
        plugin.response_filter = detail::response_filter<T>;
    return plugin;
}

} // namespace a6

/* Describes and registers a class, whose name has no '::' (stand in its namespace, or say
 * using); flags (A6_BLOCKING and so on) may follow. */
#define A6_PLUGIN(type, ...)                                                                       \
    static const a6_plugin a6_plugin_##type = a6::describe<type>(__VA_ARGS__);                     \
    A6_REGISTER(a6_plugin_##type)

#endif
