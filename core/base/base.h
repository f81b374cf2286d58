/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * base: the lowest layer. Errors, memory, strings, hashing, maps, cancelling, progress, JSON and files.
 * Everything above stands on this header and this header stands on the C library alone.
 */
#ifndef SC_BASE_H
#define SC_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- status and error ---------------------------------------------------------------------------- */

/* Every way a call can end: X(name, message). The name without its prefix is also the name in JSON. */
#define SC_STATUS_MAP(X)                                                                                               \
    X(OK, "done")                                                                                                      \
    X(INPUT, "bad input")                                                                                              \
    X(USAGE, "wrong usage")                                                                                            \
    X(INFEASIBLE, "no plan satisfies the constraints")                                                                 \
    X(TIMEOUT, "stopped by the time limit")                                                                            \
    X(CANCELLED, "cancelled")                                                                                          \
    X(NOT_FOUND, "not found")                                                                                          \
    X(LIMIT, "larger than this program accepts")                                                                       \
    X(NO_MEMORY, "out of memory")                                                                                      \
    X(IO, "cannot read or write")                                                                                      \
    X(INTERNAL, "internal error")

enum sc_status {
#define X(name, message) SC_##name,
    SC_STATUS_MAP(X)
#undef X
};

/* What went wrong and where. Owned by the caller; a callee only fills it in. `line` and `column` count from 1,
 * 0 when unknown. `path` is a JSON path ("ops[3].inputs[0]"), a Lua location or empty. */
struct sc_error {
    enum sc_status status;
    int line, column;
    char file[256];
    char path[256];
    char message[768];
};

const char *sc_status_name(enum sc_status status);    /* "INPUT"; static */
const char *sc_status_message(enum sc_status status); /* "bad input"; static */

/* Fill `err` (which may be NULL) and return `status`, so that a failing function ends in `return sc_fail(...)`.
 * Keeps file, path, line and column that are already set. The message says what is wrong; what would be right. */
enum sc_status sc_fail(struct sc_error *err, enum sc_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "FILE:LINE:COL: PATH: message" (parts that are unknown are left out) into `out`; always terminated. */
void sc_error_format(const struct sc_error *err, char *out, size_t size);

/* A broken invariant. Runs the hook (the program restores the terminal there), prints, aborts. Nothing that is
 * read from outside may reach it. */
#define SC_BUG(...) sc_bug(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void sc_bug(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void sc_bug_set_hook(void (*hook)(void));

#define SC_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* ---- memory -------------------------------------------------------------------------------------- */

/* All memory of the library comes through one allocator, so that a test can fail the n-th allocation.
 * realloc(user, NULL, n) allocates, realloc(user, p, 0) frees; returns NULL on failure and keeps p. */
struct sc_allocator {
    void *(*realloc)(void *user, void *pointer, size_t size);
    void *user;
};

void sc_set_allocator(const struct sc_allocator *allocator); /* NULL: the C library's; set before threads start */
void *sc_alloc(size_t size);                                 /* zeroed; NULL when out of memory */
void *sc_calloc(size_t count, size_t size);                  /* zeroed; NULL on overflow or out of memory */
void *sc_realloc(void *pointer, size_t count, size_t size);  /* not zeroed; NULL keeps `pointer` */
void sc_free(void *pointer);

/* An arena: many allocations, freed together. Blocks are zeroed; alignment is 32 bytes for any size of 32 or more
 * (rows of doubles vectorise), 16 below. An arena belongs to one thread while it grows. */
struct sc_arena;
struct sc_arena *sc_arena_new(void);         /* NULL when out of memory */
void sc_arena_free(struct sc_arena *arena);  /* NULL is allowed */
void sc_arena_reset(struct sc_arena *arena); /* keeps the largest chunk for the next round */
void *sc_arena_alloc(struct sc_arena *arena, size_t size);
void *sc_arena_calloc(struct sc_arena *arena, size_t count, size_t size); /* NULL on overflow too */
void *sc_arena_copy(struct sc_arena *arena, const void *data, size_t size);
char *sc_arena_strdup(struct sc_arena *arena, const char *text);
char *sc_arena_strndup(struct sc_arena *arena, const char *text, size_t length);
char *sc_arena_printf(struct sc_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t sc_arena_bytes(const struct sc_arena *arena); /* bytes held from the allocator */

/* A growable array: `struct { T *data; size_t count, capacity; }`, declared by SC_VEC(T). */
#define SC_VEC(T)                                                                                                      \
    struct {                                                                                                           \
        T *data;                                                                                                       \
        size_t count, capacity;                                                                                        \
    }
/* true when the item was appended, false when out of memory. */
#define sc_vec_push(vec, item)                                                                                         \
    (sc_vec_reserve_((void **)&(vec)->data, &(vec)->capacity, (vec)->count + 1, sizeof *(vec)->data)                   \
         ? ((vec)->data[(vec)->count++] = (item), true)                                                                \
         : false)
#define sc_vec_reserve(vec, n) sc_vec_reserve_((void **)&(vec)->data, &(vec)->capacity, (n), sizeof *(vec)->data)
#define sc_vec_free(vec)       (sc_free((vec)->data), (vec)->data = NULL, (vec)->count = (vec)->capacity = 0)
bool sc_vec_reserve_(void **data, size_t *capacity, size_t wanted, size_t item_size);

/* ---- strings ------------------------------------------------------------------------------------- */

/* A growing, always terminated string. Zero-initialise, release with sc_str_free. Failure to allocate sets
 * `failed` and keeps what was there, so that a writer checks once, at the end. */
struct sc_str {
    char *data; /* NULL while empty; use sc_str_text */
    size_t length, capacity;
    bool failed;
};
void sc_str_free(struct sc_str *str);
void sc_str_clear(struct sc_str *str);
void sc_str_add(struct sc_str *str, const char *text);
void sc_str_addn(struct sc_str *str, const char *text, size_t length);
void sc_str_addf(struct sc_str *str, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sc_str_vaddf(struct sc_str *str, const char *format, va_list args);
const char *sc_str_text(const struct sc_str *str); /* never NULL; borrowed */

/* Bytes of the UTF-8 character at `text` (RFC 3629: no overlong forms, no surrogates); 0 at the end of the text and at
 * a byte that begins no character. */
size_t sc_utf8_length(const char *text);
/* Glob over whole strings: `*` any run, `?` one character, `[a-z]` a set, `[!a-z]` all but it, `\` quotes. Takes at
 * most as many steps as pattern and text have characters, multiplied. */
bool sc_glob_match(const char *pattern, const char *text);
/* The candidate nearest to `word` by edit distance when near enough to be a slip of the keyboard, else NULL. */
const char *sc_nearest(const char *word, const char *const *candidates, size_t count);
/* Numbers for people, with three digits, into `out`: "1.50G" or "512"; "10.0 MiB" or "512 B"; "2.31 s", "410 us". */
void sc_format_count(double value, char *out, size_t size);
void sc_format_bytes(double bytes, char *out, size_t size);
void sc_format_seconds(double seconds, char *out, size_t size);
/* Whole-string numbers, independent of locale; false when there is anything else or they overflow. */
bool sc_parse_int(const char *text, int64_t *out);
bool sc_parse_double(const char *text, double *out); /* finite only */

/* ---- hash and map -------------------------------------------------------------------------------- */

uint64_t sc_hash_bytes(uint64_t seed, const void *data, size_t size);
uint64_t sc_hash_u64(uint64_t seed, uint64_t value);
uint64_t sc_hash_text(uint64_t seed, const char *text);

/* From byte strings to 64-bit values. Keys are copied. Zero-initialise, release with sc_map_free. Iteration by
 * index runs in order of insertion, so results never depend on addresses. */
struct sc_map {
    struct sc_map_entry {
        const void *key;
        size_t key_size;
        uint64_t hash;
        int64_t value;
    } * entries;
    size_t count, capacity;
    uint32_t *slots;
    size_t slot_count;
    struct sc_arena *keys;
};
void sc_map_free(struct sc_map *map);
bool sc_map_put(struct sc_map *map, const void *key, size_t key_size, int64_t value); /* false: out of memory */
bool sc_map_get(const struct sc_map *map, const void *key, size_t key_size, int64_t *value);
bool sc_map_put_text(struct sc_map *map, const char *key, int64_t value);
bool sc_map_get_text(const struct sc_map *map, const char *key, int64_t *value);

/* A deterministic generator (splitmix64): the seed is the state. */
uint64_t sc_random(uint64_t *state);
double sc_random_unit(uint64_t *state);                  /* in [0, 1) */
uint64_t sc_random_below(uint64_t *state, uint64_t end); /* in [0, end); end > 0 */

/* ---- time, cancelling, progress ------------------------------------------------------------------ */

double sc_now(void); /* seconds, monotonic, arbitrary origin */

/* A request to stop, readable from any thread: set by hand, by a deadline, or by a limit of work units. Passed
 * down as `struct sc_cancel *` (NULL: never). Every loop of a solver asks. */
struct sc_cancel {
    _Atomic bool stop;
    double deadline;          /* sc_now() value; 0: none */
    _Atomic uint64_t work;    /* work units used so far */
    uint64_t work_limit;      /* 0: none */
    struct sc_cancel *parent; /* stops this one too; NULL: none */
};
void sc_cancel_init(struct sc_cancel *cancel, double time_limit_s, uint64_t work_limit); /* 0: no limit */
/* For a part of the work: stops with `parent` (NULL: none), and after so many units of its own. */
void sc_cancel_part(struct sc_cancel *cancel, struct sc_cancel *parent, uint64_t work_limit);
void sc_cancel_request(struct sc_cancel *cancel);
bool sc_cancelled(struct sc_cancel *cancel);                   /* reads the clock: not in the innermost loop */
bool sc_cancel_work(struct sc_cancel *cancel, uint64_t units); /* adds work, then as sc_cancelled */
bool sc_cancel_requested(const struct sc_cancel *cancel);      /* by hand, not by a limit */

/* One slot that a solver overwrites and a reader copies; nothing queues. */
struct sc_progress_value {
    char phase[32];
    double best, bound; /* +inf and -inf until known */
    double started;     /* sc_now() */
    uint64_t updates;
};
struct sc_progress;
struct sc_progress *sc_progress_new(void);
void sc_progress_free(struct sc_progress *progress);
void sc_progress_set(struct sc_progress *progress, const char *phase, double best, double bound); /* NULL ok */
struct sc_progress_value sc_progress_get(struct sc_progress *progress);

/* ---- files --------------------------------------------------------------------------------------- */

/* A whole file (or standard input for "-", or a gzip file, found by its magic) into memory; the text is followed by
 * a NUL that is not counted. Refuses more than `limit` bytes (unpacked) with SC_LIMIT; SC_IO when it cannot be read,
 * SC_INPUT when gzip data is damaged. The caller frees *text with sc_free. */
enum sc_status sc_file_read(const char *path, size_t limit, char **text, size_t *size, struct sc_error *err);
/* Atomic: a temporary neighbour, fsync, rename; an old file's permission bits stay, and a link keeps its target. A
 * device or a pipe is written as it is. "-" is standard output. SC_IO or SC_NO_MEMORY; then the old file is as it was.
 */
enum sc_status sc_file_write(const char *path, const char *text, size_t size, struct sc_error *err);
bool sc_file_exists(const char *path); /* a file of any kind, a folder too */

/* ---- JSON ---------------------------------------------------------------------------------------- */

/* A parsed document. Parsing refuses, with SC_INPUT, duplicate keys, bytes that are no UTF-8, NUL and control
 * characters, numbers that are not finite or longer than 63 characters, nesting deeper than 200 and trailing text.
 * Positions are found again from the text when an error needs them; columns count characters. */
struct sc_json_doc;
struct sc_json; /* a value; borrowed from its document */

enum sc_status sc_json_parse(const char *file, const char *text, size_t size, struct sc_json_doc **out,
                             struct sc_error *err);
enum sc_status sc_json_load(const char *path, struct sc_json_doc **out, struct sc_error *err); /* read and parse */
void sc_json_doc_free(struct sc_json_doc *doc);
const struct sc_json *sc_json_root(const struct sc_json_doc *doc);
const char *sc_json_file(const struct sc_json_doc *doc);

enum sc_json_type { SC_JSON_NULL, SC_JSON_BOOL, SC_JSON_NUMBER, SC_JSON_STRING, SC_JSON_ARRAY, SC_JSON_OBJECT };
enum sc_json_type sc_json_type(const struct sc_json *value);
const char *sc_json_type_name(enum sc_json_type type);                            /* "a string"; static */
bool sc_json_bool(const struct sc_json *value);                                   /* false when not a boolean */
double sc_json_number(const struct sc_json *value);                               /* 0 when not a number */
bool sc_json_is_int(const struct sc_json *value, int64_t *out);                   /* whole, below 2^53 in size */
const char *sc_json_string(const struct sc_json *value);                          /* NULL when not a string */
size_t sc_json_count(const struct sc_json *value);                                /* items or members */
const struct sc_json *sc_json_first(const struct sc_json *value);                 /* NULL when empty or a scalar */
const struct sc_json *sc_json_next(const struct sc_json *value);                  /* next item or member */
const char *sc_json_key(const struct sc_json *value);                             /* of a member; NULL in arrays */
const struct sc_json *sc_json_get(const struct sc_json *object, const char *key); /* exact case; NULL when absent */

/* Fill `err` with file, position and path of `value` in its document, and the message. Returns SC_INPUT. */
enum sc_status sc_json_fail(const struct sc_json_doc *doc, const struct sc_json *value, struct sc_error *err,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Refuse members of `object` that are not in `known` (NULL-terminated), naming the nearest known one. */
enum sc_status sc_json_only(const struct sc_json_doc *doc, const struct sc_json *object, const char *const *known,
                            struct sc_error *err);

/* Typed members. `required` false leaves *out as it is when the member is absent. */
enum sc_status sc_json_want_int(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                bool required, int64_t min, int64_t max, int64_t *out, struct sc_error *err);
enum sc_status sc_json_want_number(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                   bool required, double min, double max, double *out, struct sc_error *err);
enum sc_status sc_json_want_string(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                   bool required, const char **out, struct sc_error *err);
enum sc_status sc_json_want_bool(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                 bool required, bool *out, struct sc_error *err);
/* The member, which must be of `type`; NULL when absent and not required. */
enum sc_status sc_json_want(const struct sc_json_doc *doc, const struct sc_json *object, const char *key, bool required,
                            enum sc_json_type type, const struct sc_json **out, struct sc_error *err);
/* Check `"stagecut": 1` at the root: absent, wrong and newer versions each have their own message. */
enum sc_status sc_json_version(const struct sc_json_doc *doc, struct sc_error *err);

/* A streaming writer into a string. Commas, quoting, indentation and exact numbers are its work; a wrong sequence
 * of calls is SC_BUG. Numbers get the fewest of 15 to 17 digits that read back exactly; NaN and infinities are null.
 * Bytes that are no UTF-8 become U+FFFD. Failure to allocate shows in the string.
 * Containers opened with `line` true are written on one line. */
struct sc_json_writer {
    struct sc_str *out;
    int depth;
    int line_depth; /* depth at which one-line writing began; 0: none */
    bool first[64];
    bool closer_is_array[64];
};
void sc_json_begin(struct sc_json_writer *w, struct sc_str *out);
void sc_json_open_object(struct sc_json_writer *w, const char *key,
                         bool line); /* key NULL inside arrays and at the root */
void sc_json_open_array(struct sc_json_writer *w, const char *key, bool line);
void sc_json_close(struct sc_json_writer *w);                                          /* the innermost */
void sc_json_put_string(struct sc_json_writer *w, const char *key, const char *value); /* NULL value: null */
void sc_json_put_number(struct sc_json_writer *w, const char *key, double value);
void sc_json_put_int(struct sc_json_writer *w, const char *key, int64_t value);
void sc_json_put_bool(struct sc_json_writer *w, const char *key, bool value);
void sc_json_put_null(struct sc_json_writer *w, const char *key);

#endif
