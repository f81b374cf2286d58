/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading JSON: the only file that includes cJSON, which parses; what it is lax about (duplicate keys, NUL bytes,
 * infinite numbers, deep nesting, forms of numbers) is refused here. cJSON keeps no positions: a value's place is found again from
 * the text, which only errors need.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { MAX_DEPTH = 200, MAX_FILE = 64 << 20 };

struct sc_json_doc {
    char *file, *text;
    size_t size;
    cJSON *root;
};

static const cJSON *node(const struct sc_json *value)
{
    return (const cJSON *)value;
}

static const struct sc_json *face(const cJSON *value)
{
    return (const struct sc_json *)value;
}

/* ---- positions ---- */

static void set_place(const struct sc_json_doc *doc, size_t offset, struct sc_error *err)
{
    if (!err)
        return;
    int line = 1, column = 1;
    for (size_t i = 0; i < offset && i < doc->size; i++) {
        unsigned char c = (unsigned char)doc->text[i];
        if (c == '\n') {
            line++;
            column = 1;
        } else if ((c & 0xc0) != 0x80) { /* continuation bytes of UTF-8 are no columns */
            column++;
        }
    }
    snprintf(err->file, sizeof err->file, "%s", doc->file);
    err->line = line;
    err->column = column;
}

/* A walker over text that is known to be JSON. */
static size_t skip_space(const char *text, size_t at)
{
    return at + strspn(text + at, " \t\r\n");
}

static size_t skip_string(const char *text, size_t at)
{
    for (at++; text[at] && text[at] != '"'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return text[at] ? at + 1 : at;
}

static size_t skip_value(const char *text, size_t at)
{
    int depth = 0;
    do {
        at = skip_space(text, at);
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

/* Offset of the n-th child of the container at `at`: of its key when it is a member. */
static size_t child_offset(const char *text, size_t at, size_t n, bool member, size_t *value)
{
    at = skip_space(text, at + 1);
    for (size_t i = 0;; i++) {
        size_t key = at;
        if (member)
            at = skip_space(text, skip_space(text, skip_string(text, at)) + 1);
        if (i == n) {
            *value = at;
            return key;
        }
        at = skip_space(text, skip_value(text, at));
        if (text[at] != ',')
            return key;
        at = skip_space(text, at + 1);
    }
}

/* Follows `target` down from `at`; appends to the path. Returns whether it is below. */
static bool find_below(const struct sc_json_doc *doc, const cJSON *from, const cJSON *target, struct sc_str *path,
                       size_t *indices, int depth, int *found_depth)
{
    if (from == target) {
        *found_depth = depth;
        return true;
    }
    size_t index = 0, length = path->length;
    for (const cJSON *child = from->child; child && depth < MAX_DEPTH; child = child->next, index++) {
        if (cJSON_IsArray(from))
            sc_str_addf(path, "[%zu]", index);
        else
            sc_str_addf(path, "%s%s", length ? "." : "", child->string);
        indices[depth] = index;
        if (find_below(doc, child, target, path, indices, depth + 1, found_depth))
            return true;
        path->length = length;
        if (path->data)
            path->data[length] = '\0';
    }
    return false;
}

static void locate(const struct sc_json_doc *doc, const cJSON *target, struct sc_error *err)
{
    size_t indices[MAX_DEPTH + 1], at = skip_space(doc->text, 0);
    int depth = 0;
    struct sc_str path = {0};
    if (err && find_below(doc, doc->root, target, &path, indices, 0, &depth)) {
        const cJSON *value = doc->root;
        for (int d = 0; d < depth; d++) {
            bool member = cJSON_IsObject(value);
            value = value->child;
            for (size_t i = 0; i < indices[d]; i++)
                value = value->next;
            child_offset(doc->text, at, indices[d], member, &at);
        }
        snprintf(err->path, sizeof err->path, "%s", sc_str_text(&path));
        set_place(doc, at, err);
    }
    sc_str_free(&path);
}

enum sc_status sc_json_fail(const struct sc_json_doc *doc, const struct sc_json *value, struct sc_error *err,
                            const char *format, ...)
{
    if (!err)
        return SC_INPUT;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->status = SC_INPUT;
    locate(doc, node(value), err);
    return SC_INPUT;
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

static enum sc_status text_fail(const struct sc_json_doc *doc, size_t offset, struct sc_error *err, const char *what)
{
    set_place(doc, offset, err);
    return sc_fail(err, SC_INPUT, "%s", what);
}

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static const char *number_end(const char *p)
{
    p += *p == '-';
    size_t digits = strspn(p, "0123456789");
    if (digits == 0 || (digits > 1 && *p == '0'))
        return NULL;
    p += digits;
    if (*p == '.') {
        digits = strspn(++p, "0123456789");
        if (digits == 0)
            return NULL;
        p += digits;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        digits = strspn(p, "0123456789");
        if (digits == 0)
            return NULL;
        p += digits;
    }
    return p;
}

/* Bytes of the UTF-8 character at `p`; 0 when it is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t length = u[0] < 0x80 ? 1 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : u[0] >= 0xf0 && u[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    bool wrong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
                 (u[0] == 0xf4 && u[1] > 0x8f);
    return wrong ? 0 : length;
}

/* The string from the quote at `at` to `end`. */
static enum sc_status check_string(const struct sc_json_doc *doc, size_t at, size_t end, struct sc_error *err)
{
    const char *text = doc->text;
    for (size_t i = at + 1, length; i < end; i += length) {
        length = utf8_length(text + i);
        if (length == 0)
            return text_fail(doc, i, err, "a byte that is not UTF-8");
        if ((unsigned char)text[i] < 0x20)
            return text_fail(doc, i, err, "a control character or line end within a string; write it as \\u00XX");
        if (text[i] == '\\' && strncmp(text + i + 1, "u0000", 5) == 0)
            return text_fail(doc, i, err, "a NUL character within a string");
        length += text[i] == '\\';
    }
    if (text[end] == '\0' && end < doc->size)
        return text_fail(doc, end, err, "a NUL byte; JSON is text");
    if (end <= at + 1 || text[end - 1] != '"')
        return text_fail(doc, at, err, "a string that does not end; expected a closing \"");
    return SC_OK;
}

/* What cJSON would let through, or die of. *depth becomes the number of brackets left open. */
static enum sc_status check_text(const struct sc_json_doc *doc, int *depth, struct sc_error *err)
{
    const char *text = doc->text;
    *depth = 0;
    for (size_t at = 0; at < doc->size;) {
        char c = text[at];
        if (c == '"') {
            size_t end = skip_string(text, at);
            enum sc_status status = check_string(doc, at, end, err);
            if (status != SC_OK)
                return status;
            at = end;
        } else if (c == '{' || c == '[') {
            if (++*depth > MAX_DEPTH)
                return text_fail(doc, at, err, "nested deeper than the 200 levels that are accepted");
            at++;
        } else if (c == '}' || c == ']') {
            --*depth;
            at++;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            const char *end = number_end(text + at);
            if (!end)
                return text_fail(doc, at, err, "not a number as JSON writes it");
            if (!isfinite(strtod(text + at, NULL)))
                return text_fail(doc, at, err, "a number beyond what can be represented (1.8e308)");
            at = (size_t)(end - text);
        } else if (c == '\0') {
            return text_fail(doc, at, err, "a NUL byte; JSON is text");
        } else {
            at++;
        }
    }
    return SC_OK;
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
            status = sc_json_fail(doc, face(keys[i].value), err, "the key \"%s\" stands twice in one object", keys[i].key);
    if (keys != few)
        sc_free(keys);
    return status;
}

static enum sc_status parse(struct sc_json_doc *doc, struct sc_error *err)
{
    const char *end = NULL;
    int depth = 0;
    enum sc_status status = check_text(doc, &depth, err);
    if (status != SC_OK)
        return status;
    pthread_once(&hooks_once, set_hooks);
    pthread_mutex_lock(&parse_mutex);
    parse_lacked_memory = false;
    doc->root = cJSON_ParseWithLengthOpts(doc->text, doc->size, &end, false);
    pthread_mutex_unlock(&parse_mutex);
    if (!doc->root && parse_lacked_memory)
        return sc_fail(err, SC_NO_MEMORY, "no memory to parse %s", doc->file);
    if (!doc->root) {
        size_t offset = end && end >= doc->text ? (size_t)(end - doc->text) : 0;
        if (skip_space(doc->text, 0) >= doc->size)
            return text_fail(doc, 0, err, "empty; expected a JSON object");
        if (depth > 0 && (offset + 1 >= doc->size || skip_space(doc->text, offset + 1) >= doc->size))
            return text_fail(doc, doc->size, err, "the text ends too early; a bracket, quote or value is missing");
        return text_fail(doc, offset, err, "not JSON here; expected a value, a comma or a closing bracket");
    }
    size_t after = skip_space(doc->text, (size_t)(end - doc->text));
    if (after < doc->size)
        return text_fail(doc, after, err, "text after the end of the JSON value");
    return check_keys(doc, doc->root, err);
}

enum sc_status sc_json_parse(const char *file, const char *text, size_t size, struct sc_json_doc **out,
                             struct sc_error *err)
{
    struct sc_json_doc *doc = sc_alloc(sizeof *doc);
    if (doc) {
        doc->file = sc_alloc(strlen(file) + 1);
        doc->text = sc_alloc(size + 1);
    }
    if (!doc || !doc->file || !doc->text) {
        sc_json_doc_free(doc);
        return sc_fail(err, SC_NO_MEMORY, "no memory to parse %s", file);
    }
    strcpy(doc->file, file);
    memcpy(doc->text, text, size);
    doc->size = size;
    enum sc_status status = parse(doc, err);
    if (status != SC_OK) {
        sc_json_doc_free(doc);
        return status;
    }
    *out = doc;
    return SC_OK;
}

enum sc_status sc_json_load(const char *path, struct sc_json_doc **out, struct sc_error *err)
{
    char *text;
    size_t size;
    enum sc_status status = sc_file_read(path, MAX_FILE, &text, &size, err);
    if (status != SC_OK)
        return status;
    status = sc_json_parse(path, text, size, out, err);
    sc_free(text);
    return status;
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
    if (!value || !cJSON_IsNumber(node(value)) || number != floor(number) || fabs(number) > 0x1p53)
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

/* ---- members ---- */

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

enum sc_status sc_json_want(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                            bool required, enum sc_json_type type, const struct sc_json **out, struct sc_error *err)
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

enum sc_status sc_json_want_int(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                bool required, int64_t min, int64_t max, int64_t *out, struct sc_error *err)
{
    const struct sc_json *value;
    int64_t number = 0;
    enum sc_status status = sc_json_want(doc, object, key, required, SC_JSON_NUMBER, &value, err);
    if (status != SC_OK || !value)
        return status;
    if (!sc_json_is_int(value, &number) || number < min || number > max)
        return sc_json_fail(doc, value, err, "\"%s\" is %.17g; expected a whole number from %lld to %lld", key,
                            sc_json_number(value), (long long)min, (long long)max);
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
        return sc_json_fail(doc, value, err, "\"%s\" is %.17g; expected a number from %.9g to %.9g", key, number, min,
                            max);
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
