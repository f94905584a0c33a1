/**
 * Long tails: many more values of the open lists, most of which a corpus of this size shows once or never. They keep words rare,
 * as real ones are, so that a model learns to read a value that it does not know from the words around it.
 */

const words = (text) => text.split(',').map((value) => value.trim());
/** Every `step`-th pair of the two lists, so that no word dominates. */
const pairs = (left, right, join, step) =>
  left.flatMap((a, i) => right.filter((_, j) => (i * 7 + j * 3) % step === 0).map((b) => join(a, b)));

const firstNames = words(
  'aaron, abigail, ahmed, alice, amara, amir, andrea, astrid, beatrice, boris, bruno, camille, celia, chen, clara, dana, daniel, diego, dmitri, edith, elias, elif, emma, erik, esther, fatima, felix, fiona, gabriel, gina, gustav, hannah, hassan, helena, henry, imani, iris, isaac, ivan, jamal, jasper, jin, julia, kaito, karim, katya, keiko, lars, leila, leo, linus, lucia, magnus, malik, marta, mei, miguel, mina, nina, noah, olga, omar, paula, pedro, petra, rafael, ravi, ruth, salma, sofia, stefan, tara, thomas, vera, viktor, wanda, xavier, yara, zainab',
);
const familyNames = words(
  'adeyemi, andersson, baker, castillo, dubois, eriksen, fischer, ghosh, haddad, ito, jensen, kowalski, larsson, moreau, nakamura, oliveira, petrov, quinn, rossi, schmidt, tanaka, usman, vargas, weber, yilmaz, zhang',
);
const adjectives = words(
  'broken, crimson, crooked, dusty, electric, endless, faded, foreign, frozen, gentle, ginger, hidden, hollow, hungry, idle, ivory, jolly, laughing, lonely, lost, lucky, mellow, merry, nameless, old, pale, patient, purple, restless, rusty, scarlet, secret, silent, sleepy, solemn, stolen, sudden, tender, thirsty, twisted, velvet, wandering, wicked, wooden, young',
);
const nouns = words(
  'anchor, arrow, badger, balloon, barrel, beacon, bell, bottle, cactus, canyon, caravan, castle, chestnut, comet, compass, daisy, desert, dragonfly, ember, falcon, fountain, garden, glacier, hammer, harvest, hedgehog, island, jungle, kingdom, lantern, lemon, magpie, meadow, mirror, nightingale, ocean, orchid, otter, palace, parrot, pebble, pepper, pigeon, planet, raven, ribbon, saddle, sailor, shadow, sparrow, spoon, stork, tiger, tower, umbrella, valley, violet, walnut, whale, window',
);
const trees = words(
  'acorn, alder, almond, ash, aspen, beech, birch, bramble, cedar, cherry, clover, cypress, fern, hawthorn, hazel, heather, holly, juniper, larch, laurel, lilac, linden, magnolia, mulberry, oak, olive, pine, poplar, rowan, spruce, sycamore, willow, yew',
);
const households = words(
  'attic window, back gate, bathroom tap, bird cage, bookshelf, boiler, cellar door, chimney, coat rack, cot, curtains, desk lamp, doorbell, fence, fish tank, front door, gutter, heater, hedge, kettle, letterbox, mattress, microwave, mirror, patio, printer, radiator, roof, router, rug, shed, shower, sink, smoke alarm, sofa, stairs, stove, toaster, vacuum cleaner, wardrobe, washing machine',
);

export const tails = {
  person: [
    ...firstNames,
    ...pairs(
      words('mr, mrs, doctor, professor, aunt, uncle, cousin, coach'),
      familyNames,
      (a, b) => `${a} ${b}`,
      6,
    ),
    ...words(
      'my accountant, my lawyer, the gardener, my tutor, my niece, my nephew, the caretaker, my godmother',
    ),
  ],
  artist: [
    ...pairs(firstNames, familyNames, (a, b) => `${a} ${b}`, 40),
    ...pairs(adjectives, nouns, (a, b) => `the ${a} ${b}s`, 50),
  ],
  song: [
    ...pairs(adjectives, nouns, (a, b) => `${a} ${b}`, 40),
    ...nouns.map((noun, i) => `${['my', 'another', 'goodbye', 'beyond the', 'dear'][i % 5]} ${noun}`),
  ],
  playlist: words(
    'morning commute, rainy tuesday, office hours, garage classics, summer nineties, slow cooking, ironing tunes, marathon training, afternoon nap, baby shower, board game night, moving house, sunset terrace, train journeys, winter solstice, first dance, homework helper, autumn leaves, acoustic brunch, gaming session, fireplace, school run, midnight snacks, happy hour, barbecue',
  ),
  hotel: [
    ...pairs(adjectives, nouns, (a, b) => `the ${a} ${b}`, 70),
    ...trees.flatMap((tree, i) => (i % 2 ? [`hotel ${tree}`] : [`${tree} lodge`, `${tree} house`])),
  ],
  restaurant: [
    ...firstNames
      .filter((_, i) => i % 3 === 0)
      .map((name, i) => `${['chez', 'casa', 'mama', 'trattoria'][i % 4]} ${name}`),
    ...pairs(adjectives, nouns, (a, b) => `the ${a} ${b}`, 90),
  ],
  airline: [
    ...nouns
      .filter((_, i) => i % 3 === 0)
      .map((noun, i) => `${noun} ${['air', 'airlines', 'airways', 'wings'][i % 4]}`),
  ],
  place: [
    ...trees.map((tree, i) => `${tree} ${['street', 'avenue', 'lane', 'road', 'square'][i % 5]}`),
    ...familyNames.map(
      (name, i) => `the ${name} ${['museum', 'gallery', 'theatre', 'clinic', 'building'][i % 5]}`,
    ),
    ...words(
      'the aquarium, the planetarium, the courthouse, the tax office, the skate park, the ice rink, the marina',
    ),
    ...words(
      'the observatory, the embassy, the bowling alley, the nearest florist, the nearest hardware store, the gym',
    ),
  ],
  city: words(
    'accra, addis ababa, adelaide, algiers, amman, ankara, antalya, baku, bangkok, basra, belgrade, bergen, bilbao, bogota, bordeaux, brisbane, bucharest, budapest, calgary, caracas, casablanca, chennai, colombo, dakar, dallas, denver, doha, dubai, florence, geneva, genoa, granada, hanoi, havana, honolulu, houston, jakarta, karachi, kathmandu, kigali, kingston, krakow, kyiv, lagos, lima, luxembourg, lusaka, malaga, manila, maputo, memphis, miami, minsk, monterrey, montevideo, munich, muscat, naples, nashville, nice, odessa, palermo, panama city, perth, phoenix, porto, quito, riga, santiago, sarajevo, seville, shanghai, sofia, stockholm, tallinn, tbilisi, tunis, valencia, venice, vilnius, wellington, yerevan, zagreb',
  ),
  task: [
    ...households.map(
      (thing, i) => `${['clean', 'fix', 'paint', 'check', 'measure', 'dust'][i % 6]} the ${thing}`,
    ),
    ...firstNames
      .filter((_, i) => i % 3 === 1)
      .map((name, i) => `${['call', 'thank', 'email', 'visit'][i % 4]} ${name}`),
    ...trees.filter((_, i) => i % 2 === 0).map((tree) => `prune the ${tree}`),
  ],
  message: [
    ...households.map(
      (thing, i) =>
        `the ${thing} ${['is broken', 'is fixed', 'needs cleaning', 'looks great', 'has arrived'][i % 5]}`,
    ),
    ...firstNames
      .filter((_, i) => i % 3 === 2)
      .map(
        (name, i) =>
          `${name} ${['says hello', 'is on the phone', 'has left', 'is looking for the keys'][i % 4]}`,
      ),
  ],
  count: words(
    'apricots, artichokes, aubergines, beetroots, cabbages, cherries, clementines, coconuts, croissants, cucumbers, dates, figs, grapefruits, kiwis, mushrooms, muffins, nectarines, pancakes, papayas, parsnips, pineapples, plums, pomegranates, pretzels, pumpkins, quinces, radishes, sausages, scones, shallots, turnips, waffles',
  ),
  bag: words(
    'almonds, barley, basil, buckwheat, cashews, cinnamon, cornflakes, cumin, granola, hazelnuts, kidney beans, millet, muesli, noodles, oregano, paprika, peanuts, pecans, pistachios, polenta, popcorn, quinoa, spaghetti, spinach, split peas, tapioca, turmeric',
  ),
  trip: words(
    'binoculars, a compass, flip flops, goggles, a hammock, a hairbrush, a kayak paddle, mittens, a notebook, pyjamas, a sarong, a sketchbook, slippers, a snorkel, thermals, a thermos, toothpaste, a tripod, a visor, a waistcoat, wellingtons',
  ),
  diy: words(
    'a chisel, a crowbar, caulk, an extension lead, fuses, a glue gun, grout, hooks, insulation, a jigsaw, a ladder, lubricant, nails, plaster, primer, putty, rivets, sealant, a shovel, tiles, a trowel, turpentine, washers, a wrench',
  ),
};
