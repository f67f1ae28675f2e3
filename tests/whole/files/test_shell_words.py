"""What is read from each construct of a shell script: the words, their offsets, and what is unknown.

Bash splits the words in the same way, as test_shell_scripts.py shows for drawn scripts.
"""

import shlex

from paramsched.core.files.shell_script import ShellWord, read_script
from support.tables import table

REASONS = {
    "is not set in this file": "unset",
    "has several values in this file": "several values",
    "is given to the script when it is run": "argument",
    "is a text that only the shell computes": "computed",
    "is computed from values that are not in this file": "computed",
    "is the output of a command": "output",
    "is only added under a condition": "conditional",
}


def shown(word: ShellWord) -> str:
    """Return the offset and the text of a word, and its unknown parts; "+" marks those that may be several words."""
    parts = [f" <{one.begin}:{one.text} {REASONS[one.why]}{'+' * one.several}>" for one in word.unknown]
    whole = f"{word.begin}:{word.text}"
    return "".join((whole, *parts)).replace(f"{whole} <{whole} ", f"<{whole} ")


# Each row is a script, and its commands; "=" marks the words of a value.
SCRIPTS = [
    ('t --a \'b c\' "d e" f\\ g $\'h\' $"i" j\'k\'"l"',
     '0:t | 2:--a | 7:b c | 13:d e | 18:f g | 25:h | 30:i | 33:jkl'),
    ('a=1 t "--b"', '4:t | 7:--b'),
    ('t --a "x\\$y\\\\z\\"q\\w" \\\\\\a', '0:t | 2:--a | 7:x$y\\z"q\\w | 21:\\a'),
    ('t --a b\\\nc "d\\\ne" \\\n --f', '0:t | 2:--a | 6:bc | 12:de | 21:--f'),
    ("t --a 'b c", '0:t | 2:--a | 7:b c; unclosed at 6'),
    ('t --a "b $A', '0:t | 2:--a | 7:b $A <9:$A unset>; unclosed at 6'),
    ('t --a \\', '0:t | 2:--a | 6:\\'),
    ('t --a \'\' "" x', '0:t | 2:--a | 7: | 10: | 12:x'),
    ('t --a # b --c\nt --d#e # f', '0:t | 2:--a; 14:t | 16:--d#e'),
    ('#t --a\nt --b', '7:t | 9:--b'),
    ('t\t--a\r\nt\x0c--b', '0:t | 2:--a; 7:t | 9:--b'),
    ('A=1; t --a $A ${A} "$A" ${A}b $Ab "${A}"$A',
     '= 0:A=1; 5:t | 7:--a | 2:1 | 2:1 | 20:1 | 2:1b | <30:$Ab unset+> | 35:11'),
    ('t --a $B "$B" x$B"y$B" ${B} "${B}"',
     '0:t | 2:--a | <6:$B unset+> | <10:$B unset> | 14:x$By$B <15:$B unset+> <19:$B unset> | <23:${B} '
     'unset+> | <29:${B} unset>'),
    ('t $1 "$1" $@ "$@" "$*" $# $? $$ $! $- ${1} ${@} $',
     '0:t | <2:$1 argument+> | <6:$1 argument> | <10:$@ argument+> | <14:$@ argument+> | <19:$* argument+>'
     ' | <23:$# argument+> | <26:$? argument+> | <29:$$ argument+> | <32:$! argument+> | <35:$- argument+>'
     ' | <38:${1} argument+> | <43:${@} argument+> | 48:$'),
    ('t --a $% "$" ${} $A[0]', '0:t | 2:--a | 6:$% | 10:$ | <13:${} computed+> | 17:$A[0] <17:$A unset+>'),
    ('A=1; E=; t --a ${B:-2} ${B-3} ${A:-4} ${A-5} ${E:-6} ${E-7}. "${B:-x y}" ${B:-x y}',
     '= 0:A=1; = 5:E=; 9:t | 11:--a | 20:2 | 27:3 | 2:1 | 2:1 | 50:6 | 59:. | 62:x y | 78:x | 80:y'),
    ('A=1; E=; t --a ${A:+2} ${A+3} ${B:+4} ${B+5}. ${E:+6}. ${E+7} ${A:?e} ${B:?e} ${B?e}',
     '= 0:A=1; = 5:E=; 9:t | 11:--a | 20:2 | 27:3 | <30:${B:+4} unset+> | 38:${B+5}. <38:${B+5} unset+> | '
     '53:. | 59:7 | 2:1 | <70:${B:?e} unset+> | <78:${B?e} unset+>'),
    ('E=; t --a ${B:=2} $B ${C=3} $C ${E:=4} $E', '= 0:E=; 4:t | 6:--a | 15:2 | 15:2 | 25:3 | 25:3 | 36:4 | 36:4'),
    ('t --a ${B:-$C} ${B:-${C:-4}} ${B:-"x y"} "${B:-$C}" ${B:-a\\}b} ${B:-(c)}',
     '0:t | 2:--a | <11:$C unset+> | 25:4 | 35:x y | 42:$C <47:$C unset> | 57:a}b | 68:(c)'),
    ('A=x; t --a ${A%x} ${A/x/y} ${#A} ${!A} ${A:1} ${A@Q} ${A',
     '= 0:A=x; 5:t | 7:--a | <11:${A%x} computed+> | <18:${A/x/y} computed+> | <27:${#A} computed+> | '
     '<33:${!A} computed+> | <39:${A:1} computed+> | <46:${A@Q} computed+> | <53:${A computed+>'),
    ('A="b  c"; t --a $A "$A" d$A', '= 0:A=b  c; 10:t | 12:--a | 3:b | 6:c | 20:b  c | 24:db | 6:c'),
    ('A=$B; t --a $A "$A"', '= 0:A=$B; 6:t | 8:--a | <2:$B unset+> | 16:$B <2:$B unset>'),
    ('A="$B"; t --a $A', '= 0:A=$B; 8:t | 10:--a | <3:$B unset+>'),
    ('A=(1 "2 3" $X); t --a ${A[@]} "${A[@]}" ${A[*]} $A ${A[0]} "${A[1]}" ${A[1]} ${A[9]} ${A[i]}',
     '= 3:1 | 6:2 3 | <11:$X unset+>; 16:t | 18:--a | 3:1 | 6:2 | 8:3 | <11:$X unset+> | 31:1 | 31:2 3 | '
     '31:$X <11:$X unset+> | 3:1 | 6:2 | 8:3 | <11:$X unset+> | 3:1 | 3:1 | 60:2 3 | 6:2 | 8:3 | '
     '<77:${A[9]} several values+> | <85:${A[i]} several values+>'),
    ('A=(1); A+=(2 3); A+=4; t --a ${A[@]}', '= 3:1; = 11:2 | 13:3; = 17:A+=4; 23:t | 25:--a | 3:14 | 11:2 | 13:3'),
    ('A=(1 2); A[1]=3; t --a $A ${A[1]}',
     '= 3:1 | 5:2; = 9:A[1]=3; 17:t | 19:--a | <23:$A several values+> | <26:${A[1]} several values+>'),
    ('A=( # x\n1 # y\n 2 ); t --a ${A[@]}', '= 8:1 | 15:2; 20:t | 22:--a | 8:1 | 15:2'),
    ('A+=1; A+=2; t --a $A', '= 0:A+=1; = 6:A+=2; 12:t | 14:--a | 3:12'),
    ('A=(x$B "$C" d); t --a ${A[@]} "${A[1]}"',
     '= 3:x$B <4:$B unset+> | <8:$C unset> | 12:d; 16:t | 18:--a | 3:x$B | <8:$C unset+> | 12:d | 31:$C '
     '<8:$C unset>'),
    ('A=(); t --a ${A[@]} $A', '6:t | 8:--a'),
    ('A=(--lr 1\n--b "2 3"); t', '= 3:--lr | 8:1 | 10:--b | 15:2 3'),
    ('A="--lr 1 --b 2"; t $A', '= 3:--lr | 8:1 | 10:--b | 14:2; 18:t | 3:--lr | 8:1 | 10:--b | 14:2'),
    ("A='--lr 1'; A+=' --b 2'; t $A", '= 3:--lr | 8:1; = 17:--b | 21:2; 25:t | 3:--lr | 8:1 | 17:--b | 21:2'),
    ('A=b-c; B=-x; C="d -e f"; t', '= 0:A=b-c; = 9:-x; = 16:d | 18:-e | 21:f'),
    ('A="$B --lr 1"; t $A', '= <3:$B unset+> | 6:--lr | 11:1; 15:t | <3:$B unset+> | 6:--lr | 11:1'),
    ('if x; then A=1; else A=2; fi; t --a $A', '= 11:A=1; = 21:A=2; 30:t | 32:--a | <36:$A several values+>'),
    ('if x; then A=1; fi; t --a $A', '= 11:A=1; 20:t | 22:--a | 13:1'),
    ('A=1; if x; then A=2; fi; t --a $A', '= 0:A=1; = 16:A=2; 25:t | 27:--a | <31:$A several values+>'),
    ('A=1; if x; then A=1; fi; t --a $A', '= 0:A=1; = 16:A=1; 25:t | 27:--a | 18:1'),
    ('if [ -z "$A" ]; then A=1; fi; t --a $A', '= 21:A=1; 30:t | 32:--a | 23:1'),
    ('if [[ -z ${A:-} ]]\nthen A=1; fi; if x; then A=2; fi; t --a $A',
     '= 24:A=1; = 44:A=2; 53:t | 55:--a | <59:$A several values+>'),
    ('A=0; if [ -z "$A" ]; then A=1; fi; t --a $A', '= 0:A=0; = 26:A=1; 35:t | 37:--a | <41:$A several values+>'),
    ('if [ -z $A ]; then A=1; else A=2; fi; t --a $A', '= 19:A=1; = 29:A=2; 38:t | 40:--a | <44:$A several values+>'),
    ('if x; then if [ -z "$A" ]; then A=1; fi; fi; A=2; t --a $A', '= 32:A=1; = 45:A=2; 50:t | 52:--a | 47:2'),
    ('for i in 7; do t --a $i; done', '15:t | 17:--a | 9:7'),
    ('for i in 1 2; do t --a $i; done; t --b $i',
     '17:t | 19:--a | <23:$i several values+>; 33:t | 35:--b | <39:$i several values+>'),
    ('for i in $X; do t --a $i; done', '16:t | 18:--a | <22:$i several values+>'),
    ('for i in 7\ndo A=$i; done; t --a $A', '= 14:A=7; 26:t | 28:--a | 9:7'),
    ('case $x in a) A=1;; b) A=2;; esac; t --a $A',
     '<5:$x unset+> | 8:in | 11:a; = 14:A=1; = 23:A=2; 35:t | 37:--a | <41:$A several values+>'),
    ('f() { A=1; }; t --a $A', '= 6:A=1; 14:t | 16:--a | 8:1'),
    ('A=1; f() { A=2; }; t --a $A', '= 0:A=1; = 11:A=2; 19:t | 21:--a | <25:$A several values+>'),
    ('while x; do A=1; done; A=2; t --a $A', '= 12:A=1; = 23:A=2; 28:t | 30:--a | 25:2'),
    ('x && A=1; t --a $A', '= 5:A=1; 10:t | 12:--a | 7:1'),
    ('A=1; x && A=2; t --a $A', '= 0:A=1; = 10:A=2; 15:t | 17:--a | <21:$A several values+>'),
    ('A=1; x || A=2; t --a $A', '= 0:A=1; = 10:A=2; 15:t | 17:--a | <21:$A several values+>'),
    ('A=1 && B=2; t --a $A $B', '= 0:A=1; = 7:B=2; 12:t | 14:--a | 2:1 | 9:2'),
    ('A=1; A=2; t --a $A', '= 0:A=1; = 5:A=2; 10:t | 12:--a | 7:2'),
    ('A=1; A=2; if x; then A=3; fi; A=4; t --a $A', '= 0:A=1; = 5:A=2; = 21:A=3; = 30:A=4; 35:t | 37:--a | 32:4'),
    ('A="--x"; if y; then A="$A --lr 1"; fi; t $A',
     '= 3:--x; = 3:--x | 26:--lr | 31:1; 39:t | 3:--x | <20:--lr 1 conditional+>'),
    ('A=(--x); if y; then A+=(--lr 1); fi; t ${A[@]}',
     '= 3:--x; = 24:--lr | 29:1; 37:t | 3:--x | <20:--lr 1 conditional+>'),
    ('A="--x"; if y; then A="$A --b 1"; fi; t $A', '= 3:--x; = 3:--x | 26:--b | 30:1; 38:t | 3:--x | 26:--b | 30:1'),
    ('A="--lr 1"; if y; then A="--lr 2"; fi; t $A',
     '= 3:--lr | 8:1; = 26:--lr | 31:2; 39:t | <41:$A several values+>'),
    ('if y; then A="--lr 1"; A="$A --b"; fi; t $A',
     '= 14:--lr | 19:1; = 14:--lr | 19:1 | 29:--b; 39:t | <11:--lr 1 --b conditional+>'),
    ('if y; then A="--lr 1"; fi; if z; then A="$A --b"; fi; t $A',
     '= 14:--lr | 19:1; = <11:--lr 1 conditional+> | 44:--b; 54:t | <11:--lr 1 conditional+> | 44:--b'),
    ('A=1; if y; then A=12; fi; t --a $A', '= 0:A=1; = 16:A=12; 26:t | 28:--a | <32:$A several values+>'),
    ('if y; then A=a; else A=ab; fi; t --a $A', '= 11:A=a; = 21:A=ab; 31:t | 33:--a | <37:$A several values+>'),
    ('A=1 t --b $A', '4:t | 6:--b | 2:1'),
    ('A="--lr 1" B=2 t --b', '3:--lr | 8:1 | 3:-- | 15:t | 17:--b'),
    ('export A=1 B=2; t --a $A $B', '= 7:A=1; = 11:B=2; 16:t | 18:--a | 9:1 | 13:2'),
    ('declare -x A=1; local B=2; readonly C=3; typeset D=4; t --a $A $B $C $D',
     '= 11:A=1; = 22:B=2; = 36:C=3; = 49:D=4; 54:t | 56:--a | 13:1 | 24:2 | 38:3 | 51:4'),
    ('A=1; unset A; t --a $A', '= 0:A=1; 14:t | 16:--a | <20:$A several values+>'),
    ('A=1; read A; t --a $A', '= 0:A=1; 13:t | 15:--a | <19:$A several values+>'),
    ('let A=3*4; let B=A+1; t --a $A $B', '22:t | 24:--a | 9:12 | 20:13'),
    ('let A=x; t --a $A', '9:t | 11:--a | <15:$A several values+>'),
    ('A=1; ((A=2)); ((A++)); t --a $A', '= 0:A=1; 23:t | 25:--a | <29:$A several values+>'),
    ('((B+=1)); t --a $B --c', '10:t | 12:--a | <16:$B several values+> | 19:--c'),
    ('((x == 2)); x=1; ((x == 2)); t --a $x', '= 12:x=1; 29:t | 31:--a | 14:1'),
    ('x A=1; t --a $A', '7:t | 9:--a | <13:$A unset+>'),
    ('export A; t --a $A', '10:t | 12:--a | <16:$A unset+>'),
    ('t --a >o 2>&1 <i --b &>f &>>g >|h <>j >&2', '0:t | 2:--a | 17:--b'),
    ('t --a <<E --b\n--x $A\nE\nt --c', '0:t | 2:--a | 10:--b; 23:t | 25:--c'),
    ("t --a <<-'E F'\n\t--x\n\tE F\nt --b", '0:t | 2:--a; 25:t | 27:--b'),
    ('t --a <<E <<G\n--x\nE\n--y\nG\nt --b', '0:t | 2:--a; 26:t | 28:--b'),
    ('t --a <<E\n--x', '0:t | 2:--a'),
    ('t --a <(u --b (c) ")") --d', '0:t | 2:--a | 23:--d'),
    ('t --a <<<x --b', '0:t | 2:--a | 11:--b'),
    ('t --a>(u) --b', '0:t | 2:--a | 10:--b'),
    ('t 3>o --a', '0:t | 6:--a'),
    ('bash -c "t --lr 1 --b \'2 3\'"', '0:bash | 5:-c | 9:t | 11:--lr | 16:1 | 18:--b | 23:2 3'),
    ('srun bash -lc "cd x; t --lr $A $B && u --c"',
     '0:srun | 5:bash | 10:-lc | 21:t | 23:--lr | <28:$A unset+> | <31:$B unset+> | 37:u | 39:--c'),
    ('A=5; s --wrap "t --lr $A"', '= 0:A=5; 5:s | 7:--wrap | 15:t | 17:--lr | 15:5'),
    ('s --wrap="t --lr 1"', '0:s | 2:--wrap=t --lr 1'),
    ("s --text 't --lr 1'", '0:s | 2:--text | 10:t --lr 1'),
    ('s x "t --lr 1"', '0:s | 2:x | 5:t | 7:--lr | 12:1'),
    ('s --cfg \'{"a": -b}\' \'[c -d]\' \'e -f\'', '0:s | 2:--cfg | 9:{"a": -b} | 21:[c -d] | 30:e | 32:-f'),
    ('bash -c "bash -c \'t --lr 1\'"', '0:bash | 5:-c | 9:bash | 14:-c | 18:t | 20:--lr | 25:1'),
    ('bash -c "t --a x"; t --a x', '0:bash | 5:-c | 9:t | 11:--a | 15:x; 19:t | 21:--a | 25:x'),
    ('A=3; t --a $((1 + 2)) $[3*4] $((A*2)) $(( $A % 2 )) $((${A}-5))',
     '= 0:A=3; 5:t | 7:--a | 11:3 | 22:12 | 29:6 | 38:1 | 52:-2'),
    ('t --a $((-7/2)) $((-7%3)) $((7/-2)) $((2**3)) $((+1)) "$((1))"',
     '0:t | 2:--a | 6:-3 | 16:-1 | 26:-3 | 36:8 | 46:1 | 55:1'),
    ('t --a $((1/0)) $((B+1)) $((1.5)) $((2**99)) $((True)) $((1+)) $((2**-1)) $((9**64)) "$((B))" $((1',
     '0:t | 2:--a | <6:$((1/0)) computed+> | <15:$((B+1)) computed+> | <24:$((1.5)) computed+> | '
     '<33:$((2**99)) computed+> | <44:$((True)) computed+> | <54:$((1+)) computed+> | <62:$((2**-1)) '
     'computed+> | <73:$((9**64)) computed+> | <85:$((B)) computed> | <93:$((1 computed+>'),
    ('A=B+1; B=2; C=C; t --a $((A)) $((C)) $(((1+2)*3)) $[1',
     '= 0:A=B+1; = 7:B=2; = 12:C=C; 17:t | 19:--a | 23:3 | <30:$((C)) computed+> | 37:9 | <50:$[1 '
     'computed+>'),
    ('A=9223372036854775807; t --a $((A)) $((A+1)) $((-A-1))',
     '= 0:A=9223372036854775807; 23:t | 25:--a | 29:9223372036854775807 | <36:$((A+1)) computed+> | '
     '<45:$((-A-1)) computed+>'),
    ('t --a $(expr 2 + 3) `expr 2 \\* 3` $(expr $A + 1) $(date) `date` "$(date)" $(a (b) ")") `c',
     '0:t | 2:--a | 6:5 | 20:6 | 34:1 | <49:$(date) output+> | <57:`date` output+> | <65:$(date) output> |'
     ' <74:$(a (b) ")") output+> | <87:`c output+>'),
    ('A=4; t --a $(expr $A / 3) $(expr ${A} % 3)', '= 0:A=4; 5:t | 7:--a | 11:1 | 26:1'),
    ('[ -f --x ]; [[ --a ]]; test --a; t --b', '33:t | 35:--b'),
    ('cd x; t y; t $A; t "$A"; t $@; t "$@"; t --a',
     '11:t | <13:$A unset+>; 25:t | <27:$@ argument+>; 31:t | <34:$@ argument+>; 39:t | 41:--a'),
    ('t --a;t --b&t --c|t --d&&t --e||t --f',
     '0:t | 2:--a; 6:t | 8:--b; 12:t | 14:--c; 18:t | 20:--d; 25:t | 27:--e; 32:t | 34:--f'),
    ('(t --a); { t --b; }; time t --c; ! t --d; function f { t --e; }',
     '1:t | 3:--a; 11:t | 13:--b; 26:t | 28:--c; 35:t | 37:--d; 51:f | 53:{ | 55:t | 57:--e'),
    ('if t --a; then t --b; elif t --c; then t --d; else t --e; fi',
     '3:t | 5:--a; 15:t | 17:--b; 27:t | 29:--c; 39:t | 41:--d; 51:t | 53:--e'),
    ('while t --a; do t --b; done; until t --c; do :; done', '6:t | 8:--a; 16:t | 18:--b; 35:t | 37:--c'),
    ('case --a in b) t --c;; esac', '5:--a | 9:in | 12:b; 15:t | 17:--c'),
    ('if --a', '3:--a'),
    ('t if --a fi', '0:t | 2:if | 5:--a | 9:fi'),
    ('t -1 -a --', '0:t | 2:-1 | 5:-a | 8:--'),
    ('t a-b', ''),
    ('case $x in a) A=1;; b) A=12;; esac; t --a $A',
     '<5:$x unset+> | 8:in | 11:a; = 14:A=1; = 23:A=12; 36:t | 38:--a | <42:$A several values+>'),
    ('if y; then A="--lr 1"; else B=2; fi; t $A $B',
     '= 14:--lr | 19:1; = 28:B=2; 37:t | <11:--lr 1 conditional+> | 30:2'),
    ('if y; then A="--lr 1"; else A="--lr 1 --b"; fi; t $A',
     '= 14:--lr | 19:1; = 31:--lr | 36:1 | 38:--b; 48:t | 31:--lr | 36:1 | 38:--b'),
    ('if y; then A=1; elif z; then A=12; fi; t --a $A',
     '= 11:A=1; = 29:A=12; 39:t | 41:--a | <45:$A several values+>'),
    ('if y; then A="--lr 1"; if z; then A="$A --b 2"; else A="$A --b 3"; fi; fi; t $A',
     '= 14:--lr | 19:1; = 14:--lr | 19:1 | 40:--b | 44:2; = 14:--lr | 19:1 | 40:--b | 44:2 | 59:--b | '
     '63:3; 75:t | <11:--lr 1 --b 2 --b 3 conditional+>'),
    ('A[0]=1; if y; then A=5; fi; t --a $A',
     '= 0:A[0]=1; = 19:A=5; 28:t | 30:--a | <34:$A several values+>'),
    ('A[0]=1; y && A=5; t --a $A', '= 0:A[0]=1; = 13:A=5; 18:t | 20:--a | <24:$A several values+>'),
    ('else A=1;; t --a $A', '= 5:A=1; 11:t | 13:--a | 7:1'),
    ('if y; then A="--x"; else A="--x --lr 1"; fi; t $A',
     '= 14:--x; = 28:--x | 32:--lr | 37:1; 45:t | 14:--x | <25:--lr 1 conditional+>'),
]  # fmt: skip


@table(("text", "expected"), SCRIPTS)
def test_the_words_of_a_script_are_read_with_their_places(text, expected):
    found = read_script(text)

    rows = [("" if one.runs else "= ") + " | ".join(map(shown, one.words)) for one in found.commands]
    rows += [] if found.unclosed is None else [f"unclosed at {found.unclosed}"]
    assert "; ".join(rows) == expected
    assert found.is_whole


def in_quotes(levels: int) -> str:
    command = "t --a"
    for _ in range(levels):
        command = f"b -c {shlex.quote(command)}"
    return command


def sum_of(count: int) -> str:
    return "+".join(["1"] * count)


CHAIN = "A1=1; " + " ".join(f"A{n}=A{n - 1}+1;" for n in range(2, 12))


@table(
    ("text", "last"),
    [
        (in_quotes(5), ["t", "--a"]),
        (in_quotes(6), ["-c", "t --a"]),
        ("t --a " + "${A:-" * 5 + "1" + "}" * 5, ["--a", "1"]),
        ("t --a " + "${A:-" * 6 + "1" + "}" * 6, ["--a", "${A:-1}"]),
        (f"{CHAIN} t $((A10)) --a", ["10", "--a"]),
        (f"{CHAIN} t $((A11)) --a", ["$((A11))", "--a"]),
        (f"t --a $(({sum_of(249)}+10))", ["--a", "259"]),
        (f"t --a $(({sum_of(251)}))", ["--a", f"$(({sum_of(251)}))"]),
        (f"A={sum_of(250)}; t --a $(($A))", ["--a", "250"]),
        (f"A={sum_of(251)}; t --a $(($A))", ["--a", "$(($A))"]),
        (f"A={sum_of(250)}; t --a $((${{A}}+1))", ["--a", "$((${A}+1))"]),
        (f"A={sum_of(249)}; t --a $((${{A}}+1))", ["--a", "250"]),
        ("bash -c 't'' ''-''-''a'' ''1'", ["--a", "1"]),
    ],
)
def test_the_limits_of_nested_commands_defaults_and_numbers_are_exact(text, last):
    assert [word.text for word in read_script(text).commands[-1].words[-2:]] == last


@table(("length", "is_known"), [(999_990, True), (999_991, False)])
def test_a_variable_has_at_most_a_megabyte_in_which_each_part_counts_ten_more(length, is_known):
    word = read_script(f"A={'x' * length}; t --a $A").commands[-1].words[-1]

    assert (word.text == "x" * length, word.unknown == ()) == (is_known, is_known)


def test_a_word_of_a_command_in_many_quotes_is_located_at_the_command():
    assert [word.begin for word in read_script("bash -c 't'' ''-''-''a'' ''1'").commands[0].words] == [0, 5, 9, 9, 9]
