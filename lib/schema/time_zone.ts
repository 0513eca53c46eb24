/**
 * Which names of time zones there are. Only the desk asks: a node takes any name of the right form, since its tables may be
 * older than the fleet's, and tells when its image has no such zone.
 *
 * @module
 */

/** The parts of the world that zones of tzdata begin with. */
const AREAS = "Africa America Antarctica Arctic Asia Atlantic Australia Brazil Canada Chile Etc " +
  "Europe Indian Mexico Pacific US";
/** The zones of tzdata that begin with no part of the world. */
const OTHERS = "CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 " +
  "Greenwich HST Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ " +
  "NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK Singapore Turkey UCT UTC Universal W-SU WET " +
  "Zulu";
/** Parts of names that are in capitals throughout. */
const CAPITALS = /^(?:GMT[+-]?\d{0,2}|UTC|UCT|ACT|LHI|NSW)$/;

/**
 * What is wrong with the name of a time zone; undefined for one that tzdata has. `Intl` knows which there are, but takes any
 * case, and names of its own.
 */
export function timeZoneProblem(name: string): string | undefined {
  const problem = "must be a time zone that exists, e.g. Europe/Berlin or UTC";
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
  } catch {
    return problem;
  }
  const [area = "", ...places] = name.split("/");
  if (places.length === 0) return OTHERS.split(" ").includes(name) ? undefined : problem;
  const isSpelled = places.every((place) =>
    CAPITALS.test(place) || /^[A-Z][A-Za-z_-]*[a-z]/.test(place)
  );
  return AREAS.split(" ").includes(area) && isSpelled ? undefined : problem;
}
