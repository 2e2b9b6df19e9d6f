#!/bin/sh
# The generator refuses a table that cannot be right, and says where.
#   test_a64gen.sh A64GEN
set -eu
a64gen=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# refuses TITLE EXPECTED-MESSAGE: the table on standard input must be refused with that message.
refuses()
{
    cat > "$dir/table"
    if "$a64gen" "$dir/table" "$dir/h" "$dir/c" "$dir/page" 2> "$dir/said"; then
        echo "$1: accepted"
        failed=1
    elif ! grep -q "$2" "$dir/said"; then
        echo "$1: said $(cat "$dir/said")"
        failed=1
    fi
}

refuses 'a short line' ':1: A has 31 bits, not 32' << 'END'
A | 0000000000 0000000000 0000000000 0 | | a
END
refuses 'a long line' ':1: A has more than 32 bits' << 'END'
A | 0000000000 0000000000 0000000000 000 | | a
END
refuses 'an unknown field' "no field is named 'Rq'" << 'END'
A | 0000000000 0000000000 0000000 Rq | | a
END
refuses 'a field at another place' 'begins at bit 4' << 'END'
field Rd 4 0
A | 0000000000 000000000 Rd 00000000 | | a
END
refuses 'an overlap' ':2: B takes words of A (line 1)' << 'END'
A | 0000000000000000 000000000000000 x | | a
B | 0000000000000000 00000000000000 x 0 | | b
END
refuses 'conditions that overlap' 'B takes words of A' << 'END'
field Rd 4 0
A | 000000000000000000000000000 Rd | Rd<5 | a
B | 000000000000000000000000000 Rd | Rd>=4 | b
END
refuses 'an unknown name in a condition' "no field or rule is named 'Rz'" << 'END'
A | 00000000000000000000000000000000 | Rz==1 | a
END
refuses 'a line without a template' 'A has no template' << 'END'
A | 00000000000000000000000000000000
END

# What is declared is accepted: disjoint conditions, and a line marked as the more specific one.
cat > "$dir/table" << 'END'
field Rd 4 0
A | 000000000000000000000000000 Rd | Rd<5 | a
B | 000000000000000000000000000 Rd | Rd>=5 | b
C | 00000000000000000000000000000001 | over | c
END
"$a64gen" "$dir/table" "$dir/h" "$dir/c" "$dir/page" || failed=1
exit $failed
