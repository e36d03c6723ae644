// Made by `make page` from src/wengert/view/javascript.py; do not edit.
import { halfToEven } from '../live/rounding';

export type Elementwise = (a: number[], params: Record<string, number>) => number | boolean;

export const ELEMENTWISE: Record<string, Elementwise> = {
  /** x + y */
  add: ([x, y]) => x + y,
  /** x - y */
  sub: ([x, y]) => x - y,
  /** -x */
  neg: ([x]) => -x,
  /** x * y */
  mul: ([x, y]) => x * y,
  /** a partial derivative times a tangent or cotangent: c * t, where an exact zero wins over inf and nan */
  scale: ([x, y]) => x === 0 || y === 0 ? 0 : x * y,
  /** x / y */
  div: ([x, y]) => x / y,
  /** 1 / x */
  reciprocal: ([x]) => 1 / x,
  /** x ** n for a fixed integer n */
  integer_pow: ([x], { n }) => x ** n,
  /** x ** y */
  pow: ([x, y]) => x === 1 || y === 0 ? 1 : x ** y,
  /** x, as a value of its own */
  copy: ([x]) => x,
  /** x, treated as a constant by derivatives */
  stop_gradient: ([x]) => x,
  /** x == y */
  eq: ([x, y]) => x === y,
  /** x != y */
  ne: ([x, y]) => x !== y,
  /** x < y */
  lt: ([x, y]) => x < y,
  /** x <= y */
  le: ([x, y]) => x <= y,
  /** x > y */
  gt: ([x, y]) => x > y,
  /** x >= y */
  ge: ([x, y]) => x >= y,
  /** whether x is nan */
  isnan: ([x]) => Number.isNaN(x),
  /** whether x is infinite */
  isinf: ([x]) => x === Infinity || x === -Infinity,
  /** whether x is finite */
  isfinite: ([x]) => Number.isFinite(x),
  /** whether the sign bit is set */
  signbit: ([x]) => x < 0 || Object.is(x, -0),
  /** the largest integer that is not above x */
  floor: ([x]) => Math.floor(x),
  /** the smallest integer that is not below x */
  ceil: ([x]) => Math.ceil(x),
  /** x without its fraction */
  trunc: ([x]) => Math.trunc(x),
  /** the nearest integer, ties to even */
  rint: ([x]) => halfToEven(x),
  /** -1, 0 or 1 */
  sign: ([x]) => x === 0 ? 0 : Math.sign(x),
  /** x and y */
  logical_and: ([x, y]) => x && y ? 1 : 0,
  /** x or y */
  logical_or: ([x, y]) => x || y ? 1 : 0,
  /** either x or y */
  logical_xor: ([x, y]) => !x !== !y,
  /** not x */
  logical_not: ([x]) => !x,
  /** x where the condition holds, y elsewhere */
  select: ([x, y, z]) => x ? y : z,
  /** the larger of x and y */
  max: ([x, y]) => Math.max(x, y),
  /** the smaller of x and y */
  min: ([x, y]) => Math.min(x, y),
  /** the absolute value of x with the sign of y */
  copysign: ([x, y]) => (y < 0 || Object.is(y, -0)) === (x < 0 || Object.is(x, -0)) ? x : -x,
  /** the square root */
  sqrt: ([x]) => Math.sqrt(x),
  /** the cube root */
  cbrt: ([x]) => Math.cbrt(x),
  /** e ** x */
  exp: ([x]) => Math.exp(x),
  /** 2 ** x */
  exp2: ([x]) => 2 ** x,
  /** e ** x - 1, accurate near 0 */
  expm1: ([x]) => Math.expm1(x),
  /** the natural logarithm */
  log: ([x]) => Math.log(x),
  /** the logarithm to base 2 */
  log2: ([x]) => Math.log2(x),
  /** the logarithm to base 10 */
  log10: ([x]) => Math.log10(x),
  /** log(1 + x), accurate near 0 */
  log1p: ([x]) => Math.log1p(x),
  /** log(exp(x) + exp(y)) without overflow */
  logaddexp: ([x, y]) => x === y ? x + Math.LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y))),
  /** the sine */
  sin: ([x]) => Math.sin(x),
  /** the cosine */
  cos: ([x]) => Math.cos(x),
  /** the tangent */
  tan: ([x]) => Math.tan(x),
  /** the inverse sine */
  arcsin: ([x]) => Math.asin(x),
  /** the inverse cosine */
  arccos: ([x]) => Math.acos(x),
  /** the inverse tangent */
  arctan: ([x]) => Math.atan(x),
  /** the angle of the point (y, x) */
  arctan2: ([x, y]) => Math.atan2(x, y),
  /** sqrt(x**2 + y**2) without overflow */
  hypot: ([x, y]) => Math.hypot(x, y),
  /** the hyperbolic sine */
  sinh: ([x]) => Math.sinh(x),
  /** the hyperbolic cosine */
  cosh: ([x]) => Math.cosh(x),
  /** the hyperbolic tangent */
  tanh: ([x]) => Math.tanh(x),
  /** the inverse hyperbolic sine */
  arcsinh: ([x]) => Math.asinh(x),
  /** the inverse hyperbolic cosine */
  arccosh: ([x]) => Math.acosh(x),
  /** the inverse hyperbolic tangent */
  arctanh: ([x]) => Math.atanh(x),
  /** the absolute value */
  abs: ([x]) => Math.abs(x),
  /** the logistic function 1 / (1 + exp(-x)) */
  expit: ([x]) => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)),
  /** the logarithm of the logistic function */
  log_expit: ([x]) => x >= 0 ? -Math.log1p(Math.exp(-x)) : x - Math.log1p(Math.exp(x)),
  /** x log(y), and 0 where x is 0 */
  xlogy: ([x, y]) => x === 0 && !Number.isNaN(y) ? 0 : x * Math.log(y),
};
