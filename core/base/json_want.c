/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What readers ask of an object: known members only, members of a type and range, the version of the file.
 */
#include <string.h>

#include "base/base.h"
#include "base/number.h"

enum sc_status sc_json_only(const struct sc_json_doc *doc, const struct sc_json *object, const char *const *known,
                            struct sc_error *err)
{
    size_t count = 0;
    while (known[count])
        count++;
    for (const struct sc_json *member = sc_json_first(object); member; member = sc_json_next(member)) {
        const char *key = sc_json_key(member);
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = strcmp(key, known[i]) == 0;
        if (found)
            continue;
        const char *near = sc_nearest(key, known, count);
        if (near)
            return sc_json_fail(doc, member, err, "unknown key \"%s\"; did you mean \"%s\"?", key, near);
        struct sc_str list = {0};
        for (size_t i = 0; i < count; i++)
            sc_str_addf(&list, "%s%s", i ? ", " : "", known[i]);
        sc_json_fail(doc, member, err, "unknown key \"%s\"; known here: %s", key, sc_str_text(&list));
        sc_str_free(&list);
        return SC_INPUT;
    }
    return SC_OK;
}

enum sc_status sc_json_want(const struct sc_json_doc *doc, const struct sc_json *object, const char *key, bool required,
                            enum sc_json_type type, const struct sc_json **out, struct sc_error *err)
{
    const struct sc_json *value = sc_json_get(object, key);
    *out = value;
    if (!value)
        return required ? sc_json_fail(doc, object, err, "\"%s\" is missing; expected %s", key, sc_json_type_name(type))
                        : SC_OK;
    if (sc_json_type(value) != type)
        return sc_json_fail(doc, value, err, "\"%s\" is %s; expected %s", key, sc_json_type_name(sc_json_type(value)),
                            sc_json_type_name(type));
    return SC_OK;
}

static enum sc_status range_fail(const struct sc_json_doc *doc, const struct sc_json *value, const char *expected,
                                 double min, double max, struct sc_error *err)
{
    char found[SC_NUMBER_TEXT], low[SC_NUMBER_TEXT], high[SC_NUMBER_TEXT];
    sc_number_write(sc_json_number(value), found);
    sc_number_write(min, low);
    sc_number_write(max, high);
    return sc_json_fail(doc, value, err, "\"%s\" is %s; expected %s from %s to %s", sc_json_key(value), found, expected,
                        low, high);
}

enum sc_status sc_json_want_int(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                bool required, int64_t min, int64_t max, int64_t *out, struct sc_error *err)
{
    const struct sc_json *value;
    int64_t number = 0;
    enum sc_status status = sc_json_want(doc, object, key, required, SC_JSON_NUMBER, &value, err);
    if (status != SC_OK || !value)
        return status;
    if (!sc_json_is_int(value, &number) || number < min || number > max)
        return range_fail(doc, value, "a whole number", (double)min, (double)max, err);
    *out = number;
    return SC_OK;
}

enum sc_status sc_json_want_number(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                   bool required, double min, double max, double *out, struct sc_error *err)
{
    const struct sc_json *value;
    enum sc_status status = sc_json_want(doc, object, key, required, SC_JSON_NUMBER, &value, err);
    if (status != SC_OK || !value)
        return status;
    double number = sc_json_number(value);
    if (!(number >= min && number <= max))
        return range_fail(doc, value, "a number", min, max, err);
    *out = number;
    return SC_OK;
}

enum sc_status sc_json_want_string(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                   bool required, const char **out, struct sc_error *err)
{
    const struct sc_json *value;
    enum sc_status status = sc_json_want(doc, object, key, required, SC_JSON_STRING, &value, err);
    if (status == SC_OK && value)
        *out = sc_json_string(value);
    return status;
}

enum sc_status sc_json_want_bool(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                 bool required, bool *out, struct sc_error *err)
{
    const struct sc_json *value;
    enum sc_status status = sc_json_want(doc, object, key, required, SC_JSON_BOOL, &value, err);
    if (status == SC_OK && value)
        *out = sc_json_bool(value);
    return status;
}

enum sc_status sc_json_version(const struct sc_json_doc *doc, struct sc_error *err)
{
    const struct sc_json *root = sc_json_root(doc), *value = sc_json_get(root, "stagecut");
    int64_t version = 0;
    if (sc_json_type(root) != SC_JSON_OBJECT)
        return sc_json_fail(doc, root, err, "the file is %s; expected an object with \"stagecut\": 1",
                            sc_json_type_name(sc_json_type(root)));
    if (!value)
        return sc_json_fail(doc, root, err, "\"stagecut\": 1 is missing; it says which version the file is of");
    if (!sc_json_is_int(value, &version) || version < 1)
        return sc_json_fail(doc, value, err, "\"stagecut\" is not a version; expected 1");
    if (version > 1)
        return sc_json_fail(doc, value, err, "the file is of version %lld, newer than the 1 that this program reads",
                            (long long)version);
    return SC_OK;
}
