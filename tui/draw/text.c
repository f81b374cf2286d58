/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text as code points and columns.
 */
#include <wchar.h>

#include "draw/grid.h"

uint32_t tui_utf8_next(const char **text)
{
    /* Smallest code point of each length: anything smaller is an overlong form of a shorter one (RFC 3629). */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)*text;
    if (!*s)
        return 0;
    int length = *s < 0x80 ? 1 : (*s & 0xe0) == 0xc0 ? 2 : (*s & 0xf0) == 0xe0 ? 3 : (*s & 0xf8) == 0xf0 ? 4 : 0;
    uint32_t code = length == 1 ? *s : *s & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            length = 0;
            break;
        }
        code = code << 6 | (s[i] & 0x3f);
    }
    bool wrong = !length || code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
    *text += wrong ? 1 : length;
    return wrong ? 0xfffd : code;
}

int tui_utf8_put(uint32_t code, char out[5])
{
    int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (length == 1) {
        out[0] = (char)code;
    } else {
        static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (int i = length - 1; i > 0; i--, code >>= 6)
            out[i] = (char)(0x80 | (code & 0x3f));
        out[0] = (char)(lead[length] | code);
    }
    out[length] = '\0';
    return length;
}

int tui_code_width(uint32_t code)
{
    return code >= 0x20 && code < 0x7f ? 1 : wcwidth((wchar_t)code);
}

int tui_text_width(const char *text)
{
    int width = 0;
    for (uint32_t code; (code = tui_utf8_next(&text));) {
        int columns = tui_code_width(code);
        width += columns < 0 ? 1 : columns;
    }
    return width;
}
