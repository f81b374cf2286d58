/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Plans to export, and their texts.
 */
#ifndef TEST_EXPORT_PLANS_H
#define TEST_EXPORT_PLANS_H

#include "export/export.h"
#include "import/import.h"

/* A plan of a model, a file or the name of a sample, with options "NAME VALUE"; ended by NULL. Fails the test when
 * there is none. */
struct sc_plan *plan_make(const char *model, const char *const *options);
/* Three stages of GPT with pins; of T5, whose encoder's result goes to several stages; one stage of a small network. */
struct sc_plan *plan_gpt(void);
struct sc_plan *plan_t5(void);
struct sc_plan *plan_mlp(void);

/* The plan in a format; fails the test when it cannot be written. The caller frees it with sc_str_free. */
struct sc_str plan_text(const struct sc_plan *plan, const char *format);
/* The same, parsed; freed with sc_json_doc_free. */
struct sc_json_doc *plan_json(const struct sc_plan *plan, const char *format);

/* Members that have to be there. */
double number_of(const struct sc_json *object, const char *key);
const char *text_of(const struct sc_json *object, const char *key);
const struct sc_json *item_of(const struct sc_json *list, int index);

#endif
