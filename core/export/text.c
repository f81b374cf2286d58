/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names and numbers as other languages want them quoted.
 */
#include <math.h>
#include <string.h>

#include "export/internal.h"

/* One character of `*text` into `out`, and past it; a byte that is no UTF-8 becomes U+FFFD. */
static void put_character(struct sc_str *out, const char **text)
{
    size_t length = sc_utf8_length(*text);
    if (length)
        sc_str_addn(out, *text, length);
    else
        sc_str_add(out, "\xef\xbf\xbd");
    *text += length ? length : 1;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 127;
}

void export_put_python(struct sc_str *out, const char *text)
{
    sc_str_add(out, "\"");
    while (*text) {
        if (*text == '"' || *text == '\\')
            sc_str_addf(out, "\\%c", *text++);
        else if (is_control(*text))
            sc_str_addf(out, "\\x%02x", (unsigned char)*text++);
        else
            put_character(out, &text);
    }
    sc_str_add(out, "\"");
}

void export_put_csv(struct sc_str *out, const char *text)
{
    bool quote = strpbrk(text, ",\"\r\n ") != NULL;
    sc_str_add(out, quote ? "\"" : "");
    while (*text) {
        if (*text == '"')
            sc_str_add(out, "\"");
        put_character(out, &text);
    }
    sc_str_add(out, quote ? "\"" : "");
}

/* In labels a backslash begins an escape, and & an entity of HTML (Graphviz, "escString"). */
void export_put_dot(struct sc_str *out, const char *text)
{
    while (*text) {
        if (*text == '"' || *text == '\\')
            sc_str_addf(out, "\\%c", *text++);
        else if (*text == '&')
            sc_str_add(out, "&amp;"), text++;
        else if (is_control(*text))
            sc_str_add(out, " "), text++;
        else
            put_character(out, &text);
    }
}

/* A span is closed by as many backticks as it was opened with; one more than are in a row in the text. */
void export_put_markdown(struct sc_str *out, const char *text)
{
    size_t longest = 0;
    for (const char *at = text; *at; at++) {
        size_t run = strspn(at, "`");
        longest = run > longest ? run : longest;
        at += run ? run - 1 : 0;
    }
    const char *space = longest ? " " : "";
    for (size_t i = 0; i <= longest; i++)
        sc_str_add(out, "`");
    sc_str_add(out, space);
    while (*text) {
        if (*text == '|')
            sc_str_add(out, "\\"); /* or it would end the cell */
        if (is_control(*text))
            sc_str_add(out, " "), text++;
        else
            put_character(out, &text);
    }
    sc_str_add(out, space);
    for (size_t i = 0; i <= longest; i++)
        sc_str_add(out, "`");
}

void export_put_number(struct sc_str *out, double value)
{
    struct sc_json_writer w;
    if (!isfinite(value))
        return;
    sc_json_begin(&w, out);
    sc_json_put_number(&w, NULL, value);
}

void export_put_axes(struct sc_str *out, unsigned axes)
{
    for (int a = 0; a < SC_MAX_AXES; a++)
        if (axes >> a & 1)
            sc_str_addf(out, "%c", sc_axis_name(a));
}

void export_put_shape(struct sc_str *out, const struct sc_axes *axes)
{
    for (int a = 0; a < axes->count; a++)
        sc_str_addf(out, "%s%d", a ? "x" : "", axes->size[a]);
}
