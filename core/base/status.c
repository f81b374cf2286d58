/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Status names, errors, broken invariants.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static const char *const names[] = {
#define X(name, message) [SC_##name] = #name,
    SC_STATUS_MAP(X)
#undef X
};
static const char *const messages[] = {
#define X(name, message) [SC_##name] = message,
    SC_STATUS_MAP(X)
#undef X
};

const char *sc_status_name(enum sc_status status)
{
    return (size_t)status < SC_LEN(names) ? names[status] : "UNKNOWN";
}

const char *sc_status_message(enum sc_status status)
{
    return (size_t)status < SC_LEN(messages) ? messages[status] : "unknown status";
}

enum sc_status sc_fail(struct sc_error *err, enum sc_status status, const char *format, ...)
{
    if (!err)
        return status;
    char message[sizeof err->message]; /* the arguments may point into err */
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    memcpy(err->message, message, sizeof message);
    err->status = status;
    return status;
}

void sc_error_format(const struct sc_error *err, char *out, size_t size)
{
    char line[24] = "", column[24] = "";
    if (!size)
        return;
    if (err->line > 0)
        snprintf(line, sizeof line, ":%d", err->line);
    if (err->line > 0 && err->column > 0)
        snprintf(column, sizeof column, ":%d", err->column);
    snprintf(out, size, "%s%s%s%s%s%s%s", err->file, err->file[0] ? line : "", err->file[0] ? column : "",
             err->file[0] ? ": " : "", err->path, err->path[0] ? ": " : "",
             err->message[0] ? err->message : sc_status_message(err->status));
}

static void (*bug_hook)(void);

void sc_bug_set_hook(void (*hook)(void))
{
    bug_hook = hook;
}

_Noreturn void sc_bug(const char *file, int line, const char *format, ...)
{
    va_list args;
    void (*hook)(void) = bug_hook;
    bug_hook = NULL; /* a hook that is broken itself must not come back here for ever */
    if (hook)
        hook();
    fprintf(stderr, "stagecut: broken invariant at %s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}
