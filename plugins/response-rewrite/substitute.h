/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of response-rewrite's filters: a regular expression and what stands in for what
 * it matches. The replacement is written as for the gateway's own plugin (ngx.re.sub):
 * $0 or ${0} is the whole match, $1 the first group, $$ a dollar sign; a group that did
 * not take part, or does not exist, is empty.
 *
 * Compiled once, then used by any number of threads.
 */
#ifndef SUBSTITUTE_H
#define SUBSTITUTE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <a6/plugin.h>

struct substitute {
    pcre2_code *code;
    pcre2_match_context *limits;
    a6_str replacement; /* borrowed */
    int global;
};

/* What a filter's conf says; terminated by nothing, borrowed as long as the substitute. */
struct substitute_conf {
    a6_str regex;
    a6_str replace;
    const char *scope;   /* "once" or "global" */
    const char *options; /* letters, as for ngx.re.sub */
};

/* number: of the filter, for the error text. 0, or negative after a6_env_error. */
int substitute_compile(a6_env *env, size_t number, const struct substitute_conf *conf,
                       struct substitute *substitute);
void substitute_free(struct substitute *substitute);

struct substitute_text {
    char *data; /* from malloc */
    size_t len;
};

/* 1: *out is the new text. 0: nothing matched. Negative: error, of size bytes, says why. */
int substitute_run(const struct substitute *substitute, a6_str text, struct substitute_text *out,
                   char *error, size_t size);

#endif
