/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The text of a document: what is refused before it is parsed, and where in it a value stands. The parser keeps no
 * positions; they are found again from the text, which only errors need.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_private.h"
#include "base/number.h"

enum { LONGEST_NUMBER = 63 }; /* characters that cJSON reads of a number */

static const char spaces[] = " \t\r\n";

size_t sc_json_mark(const struct sc_json_doc *doc)
{
    return strncmp(doc->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

size_t sc_json_skip_space(const struct sc_json_doc *doc, size_t at)
{
    return at + strspn(doc->text + at, spaces);
}

static void set_place(const struct sc_json_doc *doc, size_t offset, struct sc_error *err)
{
    int line = 1, column = 1;
    for (size_t i = sc_json_mark(doc); i < offset && i < doc->size; i++) {
        if (doc->text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)doc->text[i] & 0xc0) != 0x80) { /* continuation bytes of UTF-8 are no columns */
            column++;
        }
    }
    snprintf(err->file, sizeof err->file, "%s", doc->file);
    err->line = line;
    err->column = column;
}

enum sc_status sc_json_text_fail(const struct sc_json_doc *doc, size_t offset, struct sc_error *err, const char *what)
{
    if (err)
        set_place(doc, offset, err);
    return sc_fail(err, SC_INPUT, "%s", what);
}

/* ---- what is refused ---- */

/* Behind the string whose quote is at `at`, or the end of the text. */
static size_t skip_string(const char *text, size_t at)
{
    for (at++; text[at] && text[at] != '"'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return text[at] ? at + 1 : at;
}

/* The code of the \\uXXXX at `text`; -1 when it is none. */
static int unicode_escape(const char *text)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    char digits[5] = "";
    if (text[0] != '\\' || text[1] != 'u' || strspn(text + 2, hex) < 4)
        return -1;
    memcpy(digits, text + 2, 4);
    return (int)strtol(digits, NULL, 16);
}

/* The escape at `i`; *length becomes its bytes, of two escapes for a pair of surrogates. */
static enum sc_status check_escape(const struct sc_json_doc *doc, size_t i, size_t *length, struct sc_error *err)
{
    const char *text = doc->text + i;
    int code = unicode_escape(text);
    *length = code < 0 ? 2 : 6;
    if (code < 0 && (!text[1] || !strchr("\"\\/bfnrt", text[1])))
        return sc_json_text_fail(doc, i, err, "not an escape; known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
    if (code == 0)
        return sc_json_text_fail(doc, i, err, "a NUL character within a string");
    if ((code & 0xf800) != 0xd800 || code < 0)
        return SC_OK;
    int low = code < 0xdc00 ? unicode_escape(text + 6) : -1;
    *length = 12;
    return low >= 0xdc00 && low < 0xe000 ? SC_OK
                                         : sc_json_text_fail(doc, i, err, "half of a pair of \\uXXXX surrogates");
}

/* The string whose quote is at *at, which moves behind it. */
static enum sc_status check_string(const struct sc_json_doc *doc, size_t *at, struct sc_error *err)
{
    const char *text = doc->text;
    enum sc_status status = SC_OK;
    size_t i = *at + 1, length;
    for (; status == SC_OK && text[i] != '"'; i += length) {
        length = sc_utf8_length(text + i);
        if (i >= doc->size)
            status = sc_json_text_fail(doc, *at, err, "a string that does not end; expected a closing \"");
        else if (text[i] == '\0')
            status = sc_json_text_fail(doc, i, err, "a NUL byte; JSON is text");
        else if (length == 0)
            status = sc_json_text_fail(doc, i, err, "a byte that is not UTF-8");
        else if ((unsigned char)text[i] < 0x20)
            status =
                sc_json_text_fail(doc, i, err, "a control character or line end within a string; write it as \\u00XX");
        else if (text[i] == '\\' && text[i + 1])
            status = check_escape(doc, i, &length, err);
    }
    *at = i + 1;
    return status;
}

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static const char *number_end(const char *p)
{
    static const char digit[] = "0123456789";
    p += *p == '-';
    size_t digits = strspn(p, digit);
    if (digits == 0 || (digits > 1 && *p == '0'))
        return NULL;
    p += digits;
    if (*p == '.') {
        digits = strspn(++p, digit);
        if (digits == 0)
            return NULL;
        p += digits;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        digits = strspn(p, digit);
        if (digits == 0)
            return NULL;
        p += digits;
    }
    return p;
}

/* The number at *at, which moves behind it. */
static enum sc_status check_number(const struct sc_json_doc *doc, size_t *at, struct sc_error *err)
{
    const char *number = doc->text + *at, *end = number_end(number);
    if (!end)
        return sc_json_text_fail(doc, *at, err, "not a number as JSON writes it");
    size_t length = (size_t)(end - number);
    if (length > LONGEST_NUMBER)
        return sc_json_text_fail(doc, *at, err, "a number of more than 63 characters");
    /* What fits and has no exponent is finite. */
    if ((memchr(number, 'e', length) || memchr(number, 'E', length)) && !isfinite(sc_number_read(number, NULL)))
        return sc_json_text_fail(doc, *at, err, "a number beyond what can be represented (1.8e308)");
    *at += length;
    return SC_OK;
}

/* What has to come next. */
enum next { VALUE, ITEM_OR_END, KEY_OR_END, KEY, COLON, COMMA_OR_END, NOTHING };

static enum sc_status order_fail(const struct sc_json_doc *doc, size_t at, enum next next, bool object,
                                 struct sc_error *err)
{
    static const char *const expected[] = {
        [VALUE] = "a value",
        [ITEM_OR_END] = "a value or ]",
        [KEY_OR_END] = "a key in quotes or }",
        [KEY] = "a key in quotes",
        [COLON] = "a colon",
    };
    const char *what = next == COMMA_OR_END ? object ? "a comma or }" : "a comma or ]" : expected[next];
    sc_json_text_fail(doc, at, err, "");
    return sc_fail(err, SC_INPUT, "%s; expected %s", at < doc->size ? "not JSON here" : "the text ends too early",
                   what);
}

/* A string, number or word at *at, which moves behind it. */
static enum sc_status check_scalar(const struct sc_json_doc *doc, size_t *at, enum next next, struct sc_error *err)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *text = doc->text + *at;
    if (*text == '"')
        return check_string(doc, at, err);
    if (*text == '-' || (*text >= '0' && *text <= '9'))
        return check_number(doc, at, err);
    for (size_t w = 0; w < SC_LEN(words); w++)
        if (strncmp(text, words[w], strlen(words[w])) == 0) {
            *at += strlen(words[w]);
            return SC_OK;
        }
    return order_fail(doc, *at, next, false, err);
}

/* What is no JSON wherever it stands between tokens. */
static enum sc_status check_byte(const struct sc_json_doc *doc, size_t at, struct sc_error *err)
{
    unsigned char c = (unsigned char)doc->text[at];
    return at >= doc->size || c >= 0x20 ? SC_OK
           : c == 0                     ? sc_json_text_fail(doc, at, err, "a NUL byte; JSON is text")
                                        : sc_json_text_fail(doc, at, err, "a control character; JSON is text");
}

struct scan {
    bool object[SC_JSON_DEPTH + 2]; /* or an array; by depth */
    int depth;
    enum next next;
};

/* Takes a bracket, comma or colon; false when `c` is none or may not stand here. */
static bool take_mark(struct scan *scan, char c)
{
    bool object = scan->object[scan->depth];
    enum next next = scan->next;
    if ((c == '{' || c == '[') && next <= ITEM_OR_END) {
        scan->object[++scan->depth] = c == '{';
        scan->next = c == '{' ? KEY_OR_END : ITEM_OR_END;
    } else if ((c == '}' || c == ']') && object == (c == '}') &&
               (next == KEY_OR_END || next == ITEM_OR_END || next == COMMA_OR_END)) {
        scan->next = --scan->depth ? COMMA_OR_END : NOTHING;
    } else if (c == ',' && next == COMMA_OR_END) {
        scan->next = object ? KEY : VALUE;
    } else if (c == ':' && next == COLON) {
        scan->next = VALUE;
    } else {
        return false;
    }
    return true;
}

enum sc_status sc_json_check_text(const struct sc_json_doc *doc, struct sc_error *err)
{
    struct scan scan = {.next = VALUE};
    size_t at = sc_json_skip_space(doc, sc_json_mark(doc));
    if (at >= doc->size)
        return sc_json_text_fail(doc, sc_json_mark(doc), err, "empty; expected a JSON object");
    for (;; at = sc_json_skip_space(doc, at)) {
        enum sc_status status = check_byte(doc, at, err);
        if (status != SC_OK)
            return status;
        if (scan.next == NOTHING)
            return at >= doc->size ? SC_OK : sc_json_text_fail(doc, at, err, "text after the end of the JSON value");
        char c = doc->text[at];
        if (take_mark(&scan, c)) {
            if (scan.depth > SC_JSON_DEPTH)
                return sc_json_text_fail(doc, at, err, "nested deeper than the 200 levels that are accepted");
            at++;
            continue;
        }
        bool key = scan.next == KEY || scan.next == KEY_OR_END;
        if (key ? c != '"' : scan.next > ITEM_OR_END)
            return order_fail(doc, at, scan.next, scan.object[scan.depth], err);
        status = key ? check_string(doc, &at, err) : check_scalar(doc, &at, scan.next, err);
        if (status != SC_OK)
            return status;
        scan.next = key ? COLON : scan.depth ? COMMA_OR_END : NOTHING;
    }
}

/* ---- where a value stands; the text is known to be JSON ---- */

static size_t skip_value(const struct sc_json_doc *doc, size_t at)
{
    const char *text = doc->text;
    int depth = 0;
    do {
        at = sc_json_skip_space(doc, at);
        char c = text[at];
        if (!c)
            break;
        if (c == '"')
            at = skip_string(text, at);
        else if (c == '{' || c == '[')
            depth++, at++;
        else if (c == '}' || c == ']')
            depth--, at++;
        else if (c == ',' || c == ':')
            at++;
        else
            at += strcspn(text + at, ",]} \t\r\n");
    } while (depth > 0);
    return at;
}

/* Offset of the n-th child's value in the container at `at`. */
static size_t child_offset(const struct sc_json_doc *doc, size_t at, size_t n, bool member)
{
    for (size_t i = 0;; i++) {
        at = sc_json_skip_space(doc, at + 1); /* behind the bracket or the comma */
        if (member)
            at = sc_json_skip_space(doc, sc_json_skip_space(doc, skip_string(doc->text, at)) + 1);
        if (i == n)
            return at;
        at = sc_json_skip_space(doc, skip_value(doc, at));
    }
}

/* A way down from the root: the index of a child at each depth. */
struct way {
    size_t indices[SC_JSON_DEPTH];
    int depth;
};

/* Whether `target` is at or below `from`; if so, the way ends there. */
static bool find_below(const struct sc_json *from, const struct sc_json *target, struct way *way)
{
    if (from == target)
        return true;
    int depth = way->depth;
    if (depth == SC_JSON_DEPTH)
        return false;
    size_t index = 0;
    for (const struct sc_json *child = sc_json_first(from); child; child = sc_json_next(child), index++) {
        way->indices[depth] = index;
        way->depth = depth + 1;
        if (find_below(child, target, way))
            return true;
    }
    way->depth = depth;
    return false;
}

static void locate(const struct sc_json_doc *doc, const struct sc_json *target, struct sc_error *err)
{
    const struct sc_json *value = sc_json_root(doc);
    struct way way = {.depth = 0};
    if (!find_below(value, target, &way))
        return;
    struct sc_str path = {0};
    size_t at = sc_json_skip_space(doc, sc_json_mark(doc));
    for (int d = 0; d < way.depth; d++) {
        bool member = sc_json_type(value) == SC_JSON_OBJECT;
        at = child_offset(doc, at, way.indices[d], member);
        value = sc_json_first(value);
        for (size_t i = 0; i < way.indices[d]; i++)
            value = sc_json_next(value);
        if (member)
            sc_str_addf(&path, "%s%s", path.length ? "." : "", sc_json_key(value));
        else
            sc_str_addf(&path, "[%zu]", way.indices[d]);
    }
    snprintf(err->path, sizeof err->path, "%s", sc_str_text(&path));
    sc_str_free(&path);
    set_place(doc, at, err);
}

enum sc_status sc_json_fail(const struct sc_json_doc *doc, const struct sc_json *value, struct sc_error *err,
                            const char *format, ...)
{
    if (!err)
        return SC_INPUT;
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    locate(doc, value, err);
    return sc_fail(err, SC_INPUT, "%s", message);
}
