/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The growing string.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

void sc_str_free(struct sc_str *str)
{
    sc_free(str->data);
    *str = (struct sc_str){0};
}

void sc_str_clear(struct sc_str *str)
{
    str->length = 0;
    str->failed = false;
    if (str->data)
        str->data[0] = '\0';
}

static bool reserve(struct sc_str *str, size_t more)
{
    if (str->failed)
        return false;
    size_t wanted = str->length + more + 1;
    if (wanted <= str->capacity)
        return true;
    size_t grown = str->capacity * 2 > wanted ? str->capacity * 2 : wanted + 32;
    char *moved = wanted > more ? sc_realloc(str->data, grown, 1) : NULL;
    if (!moved) {
        str->failed = true;
        return false;
    }
    str->data = moved;
    str->capacity = grown;
    return true;
}

void sc_str_addn(struct sc_str *str, const char *text, size_t length)
{
    if (!reserve(str, length))
        return;
    if (length)
        memcpy(str->data + str->length, text, length);
    str->length += length;
    str->data[str->length] = '\0';
}

void sc_str_add(struct sc_str *str, const char *text)
{
    sc_str_addn(str, text, strlen(text));
}

void sc_str_vaddf(struct sc_str *str, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0 && reserve(str, (size_t)length)) {
        vsnprintf(str->data + str->length, (size_t)length + 1, format, again);
        str->length += (size_t)length;
    } else if (length < 0) {
        str->failed = true;
    }
    va_end(again);
}

void sc_str_addf(struct sc_str *str, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sc_str_vaddf(str, format, args);
    va_end(args);
}

const char *sc_str_text(const struct sc_str *str)
{
    return str->data ? str->data : "";
}
