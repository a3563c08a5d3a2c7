;; Arithmetic of GF(2^16) on many words at a time. A word of PAR2 is two bytes, low byte first. Here
;; the low bytes of sixteen words form one vector and their high bytes the next, because a vector
;; instruction looks up sixteen bytes at a time (swizzle), and each half of the product depends on
;; the four nibbles of a word. All lengths are in bytes and multiples of 32.
(module
  ;; The caller grows it.
  (memory (export "memory") 0)

  ;; Separates the bytes of words: `length` bytes at `from` become vectors of halves at `to`.
  (func (export "split") (param $from i32) (param $to i32) (param $length i32)
    (local $end i32) (local $a v128) (local $b v128)
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (loop $next
      (if (i32.lt_u (local.get $from) (local.get $end))
        (then
          (local.set $a (v128.load (local.get $from)))
          (local.set $b (v128.load offset=16 (local.get $from)))
          (v128.store (local.get $to)
            (i8x16.shuffle 0 2 4 6 8 10 12 14 16 18 20 22 24 26 28 30
              (local.get $a) (local.get $b)))
          (v128.store offset=16 (local.get $to)
            (i8x16.shuffle 1 3 5 7 9 11 13 15 17 19 21 23 25 27 29 31
              (local.get $a) (local.get $b)))
          (local.set $from (i32.add (local.get $from) (i32.const 32)))
          (local.set $to (i32.add (local.get $to) (i32.const 32)))
          (br $next)))))

  ;; The reverse of split.
  (func (export "join") (param $from i32) (param $to i32) (param $length i32)
    (local $end i32) (local $a v128) (local $b v128)
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (loop $next
      (if (i32.lt_u (local.get $from) (local.get $end))
        (then
          (local.set $a (v128.load (local.get $from)))
          (local.set $b (v128.load offset=16 (local.get $from)))
          (v128.store (local.get $to)
            (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23
              (local.get $a) (local.get $b)))
          (v128.store offset=16 (local.get $to)
            (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31
              (local.get $a) (local.get $b)))
          (local.set $from (i32.add (local.get $from) (i32.const 32)))
          (local.set $to (i32.add (local.get $to) (i32.const 32)))
          (br $next)))))

  ;; Multiplies separated words at `from` by a constant, and adds the products to those at `to`.
  ;; `table` holds eight vectors: for each nibble of a word, lowest first, the low and the high
  ;; bytes of the products of its sixteen values.
  (func (export "multiplyAdd")
    (param $from i32) (param $to i32) (param $length i32) (param $table i32)
    (local $end i32) (local $low v128) (local $high v128) (local $nibble v128) (local $mask v128)
    (local $sumLow v128) (local $sumHigh v128)
    (local $t0 v128) (local $t1 v128) (local $t2 v128) (local $t3 v128)
    (local $t4 v128) (local $t5 v128) (local $t6 v128) (local $t7 v128)
    (local.set $mask (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))
    (local.set $t0 (v128.load (local.get $table)))
    (local.set $t1 (v128.load offset=16 (local.get $table)))
    (local.set $t2 (v128.load offset=32 (local.get $table)))
    (local.set $t3 (v128.load offset=48 (local.get $table)))
    (local.set $t4 (v128.load offset=64 (local.get $table)))
    (local.set $t5 (v128.load offset=80 (local.get $table)))
    (local.set $t6 (v128.load offset=96 (local.get $table)))
    (local.set $t7 (v128.load offset=112 (local.get $table)))
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (loop $next
      (if (i32.lt_u (local.get $from) (local.get $end))
        (then
          (local.set $low (v128.load (local.get $from)))
          (local.set $high (v128.load offset=16 (local.get $from)))
          (local.set $sumLow (v128.load (local.get $to)))
          (local.set $sumHigh (v128.load offset=16 (local.get $to)))

          (local.set $nibble (v128.and (local.get $low) (local.get $mask)))
          (local.set $sumLow (v128.xor (local.get $sumLow)
            (i8x16.swizzle (local.get $t0) (local.get $nibble))))
          (local.set $sumHigh (v128.xor (local.get $sumHigh)
            (i8x16.swizzle (local.get $t1) (local.get $nibble))))

          (local.set $nibble
            (v128.and (i16x8.shr_u (local.get $low) (i32.const 4)) (local.get $mask)))
          (local.set $sumLow (v128.xor (local.get $sumLow)
            (i8x16.swizzle (local.get $t2) (local.get $nibble))))
          (local.set $sumHigh (v128.xor (local.get $sumHigh)
            (i8x16.swizzle (local.get $t3) (local.get $nibble))))

          (local.set $nibble (v128.and (local.get $high) (local.get $mask)))
          (local.set $sumLow (v128.xor (local.get $sumLow)
            (i8x16.swizzle (local.get $t4) (local.get $nibble))))
          (local.set $sumHigh (v128.xor (local.get $sumHigh)
            (i8x16.swizzle (local.get $t5) (local.get $nibble))))

          (local.set $nibble
            (v128.and (i16x8.shr_u (local.get $high) (i32.const 4)) (local.get $mask)))
          (v128.store (local.get $to) (v128.xor (local.get $sumLow)
            (i8x16.swizzle (local.get $t6) (local.get $nibble))))
          (v128.store offset=16 (local.get $to) (v128.xor (local.get $sumHigh)
            (i8x16.swizzle (local.get $t7) (local.get $nibble))))

          (local.set $from (i32.add (local.get $from) (i32.const 32)))
          (local.set $to (i32.add (local.get $to) (i32.const 32)))
          (br $next))))))
