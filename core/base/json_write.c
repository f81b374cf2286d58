/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing JSON into a string.
 */
#include <math.h>

#include "base/base.h"
#include "base/number.h"

void sc_json_begin(struct sc_json_writer *w, struct sc_str *out)
{
    *w = (struct sc_json_writer){.out = out};
    w->first[0] = true;
}

static void put_quoted(struct sc_str *out, const char *text)
{
    sc_str_add(out, "\"");
    for (const char *run = text; *run;) {
        size_t plain = 0, length;
        while ((unsigned char)run[plain] >= 0x20 && run[plain] != '"' && run[plain] != '\\' &&
               (length = sc_utf8_length(run + plain)) > 0)
            plain += length;
        sc_str_addn(out, run, plain);
        run += plain;
        if (*run == '"' || *run == '\\')
            sc_str_addf(out, "\\%c", *run++);
        else if (*run && (unsigned char)*run < 0x20)
            sc_str_addf(out, "\\u%04x", (unsigned char)*run++);
        else if (*run)
            run++, sc_str_add(out, "\xef\xbf\xbd");
    }
    sc_str_add(out, "\"");
}

/* Comma, line end and key: everything before a value. */
static void lead(struct sc_json_writer *w, const char *key)
{
    bool in_array = w->depth == 0 || w->closer_is_array[w->depth];
    if ((key != NULL) == in_array)
        SC_BUG("a JSON %s a key", in_array ? "item has" : "member lacks");
    if (w->depth == 0 && !w->first[0])
        SC_BUG("a second JSON value at the root");
    if (!w->first[w->depth])
        sc_str_add(w->out, w->line_depth ? ", " : ",");
    if (w->depth && !w->line_depth)
        sc_str_addf(w->out, "\n%*s", 2 * w->depth, "");
    w->first[w->depth] = false;
    if (key) {
        put_quoted(w->out, key);
        sc_str_add(w->out, ": ");
    }
}

static void open_container(struct sc_json_writer *w, const char *key, bool line, bool array)
{
    lead(w, key);
    if (w->depth + 1 >= (int)SC_LEN(w->first))
        SC_BUG("JSON nested deeper than %zu", SC_LEN(w->first));
    sc_str_add(w->out, array ? "[" : "{");
    w->depth++;
    w->first[w->depth] = true;
    w->closer_is_array[w->depth] = array;
    if (line && !w->line_depth)
        w->line_depth = w->depth;
}

void sc_json_open_object(struct sc_json_writer *w, const char *key, bool line)
{
    open_container(w, key, line, false);
}

void sc_json_open_array(struct sc_json_writer *w, const char *key, bool line)
{
    open_container(w, key, line, true);
}

void sc_json_close(struct sc_json_writer *w)
{
    if (w->depth == 0)
        SC_BUG("a JSON container is closed that was not opened");
    bool empty = w->first[w->depth], line = w->line_depth > 0;
    bool array = w->closer_is_array[w->depth];
    if (w->line_depth == w->depth)
        w->line_depth = 0;
    w->depth--;
    if (!empty && !line)
        sc_str_addf(w->out, "\n%*s", 2 * w->depth, "");
    sc_str_add(w->out, array ? "]" : "}");
}

void sc_json_put_string(struct sc_json_writer *w, const char *key, const char *value)
{
    lead(w, key);
    if (value)
        put_quoted(w->out, value);
    else
        sc_str_add(w->out, "null");
}

void sc_json_put_number(struct sc_json_writer *w, const char *key, double value)
{
    char text[SC_NUMBER_TEXT];
    lead(w, key);
    if (isfinite(value))
        sc_number_write(value, text);
    sc_str_add(w->out, isfinite(value) ? text : "null");
}

void sc_json_put_int(struct sc_json_writer *w, const char *key, int64_t value)
{
    lead(w, key);
    sc_str_addf(w->out, "%lld", (long long)value);
}

void sc_json_put_bool(struct sc_json_writer *w, const char *key, bool value)
{
    lead(w, key);
    sc_str_add(w->out, value ? "true" : "false");
}

void sc_json_put_null(struct sc_json_writer *w, const char *key)
{
    lead(w, key);
    sc_str_add(w->out, "null");
}
