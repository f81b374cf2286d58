/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading JSON: the only file that includes cJSON, which parses. What it is lax about is refused: in the text before
 * it parses (json_text.c), duplicate keys afterwards.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_private.h"

enum { MAX_FILE = 32 << 20 }; /* bytes: read in less than a second */

static const cJSON *node(const struct sc_json *value)
{
    return (const cJSON *)value;
}

static const struct sc_json *face(const cJSON *value)
{
    return (const struct sc_json *)value;
}

/* ---- parsing ---- */

static _Thread_local bool parse_lacked_memory; /* cJSON reports that as it reports wrong text */

static void *hook_alloc(size_t size)
{
    void *memory = sc_alloc(size);
    parse_lacked_memory |= memory == NULL;
    return memory;
}

static pthread_once_t hooks_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t parse_mutex = PTHREAD_MUTEX_INITIALIZER; /* cJSON writes a process-wide pointer on failure */

static void set_hooks(void)
{
    cJSON_Hooks hooks = {hook_alloc, sc_free};
    cJSON_InitHooks(&hooks);
}

struct keyed {
    const char *key;
    const cJSON *value;
    size_t index;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : x->index < y->index ? -1 : 1;
}

static enum sc_status check_keys(const struct sc_json_doc *doc, const cJSON *value, struct sc_error *err)
{
    enum sc_status status = SC_OK;
    size_t count = 0;
    for (const cJSON *child = value->child; child && status == SC_OK; child = child->next, count++)
        if (child->child)
            status = check_keys(doc, child, err);
    if (status != SC_OK || !cJSON_IsObject(value) || count < 2)
        return status;
    struct keyed few[32], *keys = count <= SC_LEN(few) ? few : sc_calloc(count, sizeof *keys);
    if (!keys)
        return sc_fail(err, SC_NO_MEMORY, "no memory for an object of %zu members", count);
    size_t n = 0;
    for (const cJSON *child = value->child; child; child = child->next, n++)
        keys[n] = (struct keyed){child->string, child, n};
    qsort(keys, count, sizeof *keys, by_key);
    for (size_t i = 1; i < count && status == SC_OK; i++)
        if (strcmp(keys[i - 1].key, keys[i].key) == 0)
            status =
                sc_json_fail(doc, face(keys[i].value), err, "the key \"%s\" stands twice in one object", keys[i].key);
    if (keys != few)
        sc_free(keys);
    return status;
}

static enum sc_status parse(struct sc_json_doc *doc, struct sc_error *err)
{
    enum sc_status status = sc_json_check_text(doc, err);
    if (status != SC_OK)
        return status;
    size_t mark = sc_json_mark(doc); /* cJSON knows it only in texts of five bytes and more */
    pthread_once(&hooks_once, set_hooks);
    pthread_mutex_lock(&parse_mutex);
    parse_lacked_memory = false;
    doc->root = cJSON_ParseWithLengthOpts(doc->text + mark, doc->size - mark, NULL, false);
    pthread_mutex_unlock(&parse_mutex);
    if (!doc->root)
        return parse_lacked_memory ? sc_fail(err, SC_NO_MEMORY, "no memory to parse %s", doc->file)
                                   : sc_json_text_fail(doc, 0, err, "not JSON that can be read here");
    return check_keys(doc, doc->root, err);
}

/* Takes over `text`, which may be NULL for lack of memory. */
static enum sc_status parse_owned(const char *file, char *text, size_t size, struct sc_json_doc **out,
                                  struct sc_error *err)
{
    struct sc_json_doc *doc = text ? sc_alloc(sizeof *doc) : NULL;
    char *name = doc ? sc_alloc(strlen(file) + 1) : NULL;
    if (!name) {
        sc_free(doc);
        sc_free(text);
        return sc_fail(err, SC_NO_MEMORY, "no memory to parse %s", file);
    }
    *doc = (struct sc_json_doc){.file = strcpy(name, file), .text = text, .size = size};
    enum sc_status status = parse(doc, err);
    if (status != SC_OK)
        sc_json_doc_free(doc);
    else
        *out = doc;
    return status;
}

enum sc_status sc_json_parse(const char *file, const char *text, size_t size, struct sc_json_doc **out,
                             struct sc_error *err)
{
    char *copy = size < SIZE_MAX ? sc_alloc(size + 1) : NULL;
    if (copy && size)
        memcpy(copy, text, size);
    return parse_owned(file, copy, size, out, err);
}

enum sc_status sc_json_load(const char *path, struct sc_json_doc **out, struct sc_error *err)
{
    char *text;
    size_t size;
    enum sc_status status = sc_file_read(path, MAX_FILE, &text, &size, err);
    return status == SC_OK ? parse_owned(path, text, size, out, err) : status;
}

void sc_json_doc_free(struct sc_json_doc *doc)
{
    if (!doc)
        return;
    cJSON_Delete(doc->root);
    sc_free(doc->text);
    sc_free(doc->file);
    sc_free(doc);
}

const struct sc_json *sc_json_root(const struct sc_json_doc *doc)
{
    return face(doc->root);
}

const char *sc_json_file(const struct sc_json_doc *doc)
{
    return doc->file;
}

/* ---- values ---- */

enum sc_json_type sc_json_type(const struct sc_json *value)
{
    const cJSON *v = node(value);
    return cJSON_IsObject(v)   ? SC_JSON_OBJECT
           : cJSON_IsArray(v)  ? SC_JSON_ARRAY
           : cJSON_IsString(v) ? SC_JSON_STRING
           : cJSON_IsNumber(v) ? SC_JSON_NUMBER
           : cJSON_IsBool(v)   ? SC_JSON_BOOL
                               : SC_JSON_NULL;
}

const char *sc_json_type_name(enum sc_json_type type)
{
    static const char *const names[] = {"null", "true or false", "a number", "a string", "an array", "an object"};
    return names[type];
}

bool sc_json_bool(const struct sc_json *value)
{
    return value && cJSON_IsTrue(node(value));
}

double sc_json_number(const struct sc_json *value)
{
    return value && cJSON_IsNumber(node(value)) ? node(value)->valuedouble : 0;
}

bool sc_json_is_int(const struct sc_json *value, int64_t *out)
{
    double number = sc_json_number(value);
    if (!value || !cJSON_IsNumber(node(value)) || number != floor(number) || fabs(number) >= 0x1p53)
        return false;
    if (out)
        *out = (int64_t)number;
    return true;
}

const char *sc_json_string(const struct sc_json *value)
{
    return value && cJSON_IsString(node(value)) ? node(value)->valuestring : NULL;
}

size_t sc_json_count(const struct sc_json *value)
{
    size_t count = 0;
    for (const cJSON *child = value ? node(value)->child : NULL; child; child = child->next)
        count++;
    return count;
}

const struct sc_json *sc_json_first(const struct sc_json *value)
{
    return value ? face(node(value)->child) : NULL;
}

const struct sc_json *sc_json_next(const struct sc_json *value)
{
    return face(node(value)->next);
}

const char *sc_json_key(const struct sc_json *value)
{
    return node(value)->string;
}

const struct sc_json *sc_json_get(const struct sc_json *object, const char *key)
{
    return object ? face(cJSON_GetObjectItemCaseSensitive(node(object), key)) : NULL;
}
