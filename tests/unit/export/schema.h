/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * JSON against a JSON Schema: the words that the schemas of samples/schema use for what is written.
 */
#ifndef TEST_EXPORT_SCHEMA_H
#define TEST_EXPORT_SCHEMA_H

#include "base/base.h"

/* Fails the test where `value` breaks the schema in samples/schema/NAME, or the schema has a word that is not known
 * here. */
void schema_check(const char *name, const struct sc_json *value);

#endif
