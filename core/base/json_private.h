/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * json_private: a document and its text, between the files of base that read JSON. Private to base.
 */
#ifndef SC_BASE_JSON_PRIVATE_H
#define SC_BASE_JSON_PRIVATE_H

#include "base/base.h"

enum { SC_JSON_DEPTH = 200 }; /* brackets within brackets */

struct sc_json_doc {
    char *file, *text; /* owned; the text is followed by a NUL */
    size_t size;
    void *root; /* cJSON's */
};

/* Bytes of the byte order mark at the beginning of the text: 3 or 0. */
size_t sc_json_mark(const struct sc_json_doc *doc);
/* Offset of the first character at or behind `at` that is no JSON white space. */
size_t sc_json_skip_space(const struct sc_json_doc *doc, size_t at);
/* Refuse, at its place, all that is no JSON, and what the parser would die of or get wrong: deep nesting, NULs,
 * numbers that are infinite or too long for it. Afterwards only lack of memory can make it fail. */
enum sc_status sc_json_check_text(const struct sc_json_doc *doc, struct sc_error *err);
/* SC_INPUT with file, line and column of the offset. */
enum sc_status sc_json_text_fail(const struct sc_json_doc *doc, size_t offset, struct sc_error *err, const char *what);

#endif
