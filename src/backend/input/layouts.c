/* SPDX-License-Identifier: ISC */
/*
 * The keyboard layouts of guests, us first (layouts.h says how to read them).
 *
 * What XKB, the Linux console's keymaps made of it, and OpenBSD's wscons agree on is here; most of
 * the fourth level, and the many signs that only XKB has on the third, are left out.
 */
#include "backend/input/layouts.h"

/* clang-format off */
const struct layout layout_table[] = {
    {"us", "English, United States", {
        {L"`1234567890-=",   L"~!@#$%^&*()_+"},
        {L"qwertyuiop[]\\",  L"QWERTYUIOP{}|"},
        {L"asdfghjkl;'",     L"ASDFGHJKL:\""},
        {L" zxcvbnm,./",     L" ZXCVBNM<>?"}}},
    {"uk", "English, United Kingdom", {
        {L"`1234567890-=",   L"¬!\"£$%^&*()_+",  L"|   €"},
        {L"qwertyuiop[]",    L"QWERTYUIOP{}"},
        {L"asdfghjkl;'#",    L"ASDFGHJKL:@~"},
        {L"\\zxcvbnm,./",    L"|ZXCVBNM<>?"}}},
    {"be", "Belgian, AZERTY", {
        {L"²&é\"'(§è!çà)-",  L"³1234567890°_",   L" |@#  ^  {}"},
        {L"azertyuiop" DEAD_CIRCUMFLEX L"$", L"AZERTYUIOP" DEAD_DIAERESIS L"*",
         L"  €       []"},
        {L"qsdfghjklmùµ",    L"QSDFGHJKLM%£",    L"          " DEAD_ACUTE DEAD_GRAVE},
        {L"<wxcvbn,;:=",     L">WXCVBN?./+",     L"\\         " DEAD_TILDE}}},
    {"br", "Portuguese, Brazil (ABNT2)", {
        {L"'1234567890-=",   L"\"!@#$%" DEAD_DIAERESIS L"&*()_+", L" ¹²³£¢¬     §"},
        {L"qwertyuiop" DEAD_ACUTE L"[", L"QWERTYUIOP" DEAD_GRAVE L"{", L"           ª"},
        {L"asdfghjklç" DEAD_TILDE L"]", L"ASDFGHJKLÇ" DEAD_CIRCUMFLEX L"}", L"           º"},
        {L"\\zxcvbnm,.;/",   L"|ZXCVBNM<>:?",    L"           °"}}},
    {"ch", "German, Switzerland", {
        {L"§1234567890'" DEAD_CIRCUMFLEX, L"°+\"*ç%&/()=?" DEAD_GRAVE,
         L"  @#  ¬|¢  " DEAD_ACUTE DEAD_TILDE},
        {L"qwertzuiopü" DEAD_DIAERESIS, L"QWERTZUIOPè!",  L"  €       []"},
        {L"asdfghjklöä$",    L"ASDFGHJKLéà£",    L"          {}"},
        {L"<yxcvbnm,.-",     L">YXCVBNM;:_",     L"\\"}}},
    {"ch-fr", "French, Switzerland", {
        {L"§1234567890'" DEAD_CIRCUMFLEX, L"°+\"*ç%&/()=?" DEAD_GRAVE,
         L"  @#  ¬|¢  " DEAD_ACUTE DEAD_TILDE},
        {L"qwertzuiopè" DEAD_DIAERESIS, L"QWERTZUIOPü!",  L"  €       []"},
        {L"asdfghjkléà$",    L"ASDFGHJKLöä£",    L"          {}"},
        {L"<yxcvbnm,.-",     L">YXCVBNM;:_",     L"\\"}}},
    {"de", "German", {
        {DEAD_CIRCUMFLEX L"1234567890ß" DEAD_ACUTE, L"°!\"§$%&/()=?" DEAD_GRAVE,
         L"  ²³   {[]}\\"},
        {L"qwertzuiopü+",    L"QWERTZUIOPÜ*",    L"@ €        ~"},
        {L"asdfghjklöä#",    L"ASDFGHJKLÖÄ'"},
        {L"<yxcvbnm,.-",     L">YXCVBNM;:_",     L"|      µ"}}},
    {"dk", "Danish", {
        {L"½1234567890+" DEAD_ACUTE, L"§!\"#¤%&/()=?" DEAD_GRAVE, L"  @£$  {[]} |"},
        {L"qwertyuiopå" DEAD_DIAERESIS, L"QWERTYUIOPÅ" DEAD_CIRCUMFLEX,
         L"  €        " DEAD_TILDE},
        {L"asdfghjklæø'",    L"ASDFGHJKLÆØ*"},
        {L"<zxcvbnm,.-",     L">ZXCVBNM;:_",     L"\\      µ"}}},
    {"es", "Spanish", {
        {L"º1234567890'¡",   L"ª!\"·$%&/()=?¿",  L"\\|@#" L"~ ¬"},
        {L"qwertyuiop" DEAD_GRAVE L"+", L"QWERTYUIOP" DEAD_CIRCUMFLEX L"*",
         L"  €       []"},
        {L"asdfghjklñ" DEAD_ACUTE L"ç", L"ASDFGHJKLÑ" DEAD_DIAERESIS L"Ç",
         L"          {}"},
        {L"<zxcvbnm,.-",     L">ZXCVBNM;:_"}}},
    {"fi", "Finnish", {
        {L"§1234567890+" DEAD_ACUTE, L"½!\"#¤%&/()=?" DEAD_GRAVE, L"  @£$  {[]}\\"},
        {L"qwertyuiopå" DEAD_DIAERESIS, L"QWERTYUIOPÅ" DEAD_CIRCUMFLEX,
         L"  €        " DEAD_TILDE},
        {L"asdfghjklöä'",    L"ASDFGHJKLÖÄ*"},
        {L"<zxcvbnm,.-",     L">ZXCVBNM;:_",     L"|      µ"}}},
    {"fr", "French, AZERTY", {
        {L"²&é\"'(-è_çà)=",  L" 1234567890°+",   L"  ~#{[|`\\^@]}"},
        {L"azertyuiop" DEAD_CIRCUMFLEX L"$", L"AZERTYUIOP" DEAD_DIAERESIS L"£",
         L"  €        ¤"},
        {L"qsdfghjklmù*",    L"QSDFGHJKLM%µ"},
        {L"<wxcvbn,;:!",     L">WXCVBN?./§"}}},
    {"it", "Italian", {
        {L"\\1234567890'ì",  L"|!\"£$%&/()=?^",  L"           `~"},
        {L"qwertyuiopè+",    L"QWERTYUIOPé*",    L"  €       []", L"          {}"},
        {L"asdfghjklòàù",    L"ASDFGHJKLç°§",    L"         @#"},
        {L"<zxcvbnm,.-",     L">ZXCVBNM;:_"}}},
    {"jp", "Japanese, 106 keys", {
        {L" 1234567890-^\\", L" !\"#$%&'() =~|"},
        {L"qwertyuiop@[",    L"QWERTYUIOP`{"},
        {L"asdfghjkl;:]",    L"ASDFGHJKL+*}"},
        {L" zxcvbnm,./\\",   L" ZXCVBNM<>?_"}}},
    {"nl", "Dutch", {
        {L"@1234567890/°",   L"§!\"#$%&_()'?" DEAD_TILDE, L"¬¹²³¼½¾£{} \\" DEAD_CEDILLA},
        {L"qwertyuiop" DEAD_DIAERESIS L"*", L"QWERTYUIOP" DEAD_CIRCUMFLEX L"|",
         L"  €         "},
        {L"asdfghjkl+" DEAD_ACUTE L"<", L"ASDFGHJKL±" DEAD_GRAVE L">", L" ß"},
        {L"]zxcvbnm,.-",     L"[ZXCVBNM;:=",     L"|«»¢     ·"}}},
    {"no", "Norwegian", {
        {L"|1234567890+\\",  L"§!\"#¤%&/()=?" DEAD_GRAVE, L"  @£$  {[]} " DEAD_ACUTE},
        {L"qwertyuiopå" DEAD_DIAERESIS, L"QWERTYUIOPÅ" DEAD_CIRCUMFLEX,
         L"  €        " DEAD_TILDE},
        {L"asdfghjkløæ'",    L"ASDFGHJKLØÆ*"},
        {L"<zxcvbnm,.-",     L">ZXCVBNM;:_",     L"       µ"}}},
    {"pl", "Polish, programmer's", {
        {L"`1234567890-=",   L"~!@#$%^&*()_+"},
        {L"qwertyuiop[]\\",  L"QWERTYUIOP{}|",   L"  ę     ó",  L"  Ę     Ó"},
        {L"asdfghjkl;'",     L"ASDFGHJKL:\"",    L"ąś      ł",  L"ĄŚ      Ł"},
        {L" zxcvbnm,./",     L" ZXCVBNM<>?",     L" żźć  ń",    L" ŻŹĆ  Ń"}}},
    {"pt", "Portuguese, Portugal", {
        {L"\\1234567890'«",  L"|!\"#$%&/()=?»",  L"  @£§  {[]}"},
        {L"qwertyuiop+" DEAD_ACUTE, L"QWERTYUIOP*" DEAD_GRAVE,
         L"  €       " DEAD_DIAERESIS},
        {L"asdfghjklçº" DEAD_TILDE, L"ASDFGHJKLÇª" DEAD_CIRCUMFLEX},
        {L"<zxcvbnm,.-",     L">ZXCVBNM;:_"}}},
    {"se", "Swedish", {
        {L"§1234567890+" DEAD_ACUTE, L"½!\"#¤%&/()=?" DEAD_GRAVE, L"  @£$€ {[]}\\"},
        {L"qwertyuiopå" DEAD_DIAERESIS, L"QWERTYUIOPÅ" DEAD_CIRCUMFLEX,
         L"  €        " DEAD_TILDE},
        {L"asdfghjklöä'",    L"ASDFGHJKLÖÄ*"},
        {L"<zxcvbnm,.-",     L">ZXCVBNM;:_",     L"|      µ"}}},
};
/* clang-format on */

const size_t layout_count = nitems(layout_table);
